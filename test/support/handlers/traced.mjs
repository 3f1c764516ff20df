// The handler of examples/tracing, but one that fails as often as the message says: `flaky 2`.
import handle from '../../../examples/tracing/handler.mjs'

export default async (message, context) => {
  const [word, times] = message.value.toString().split(' ')
  if (word === 'flaky' && context.attempt <= Number(times)) throw new TypeError(`attempt ${context.attempt}`)
  await handle(message, context)
}
