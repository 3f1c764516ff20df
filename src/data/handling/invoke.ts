import type { Message } from '../../kafka/message.js'
import type { Handler, HandlerContext } from '../handler.js'

/**
 * Calls a handler, and keeps V8 from compiling it into the loop around the call: there a handler's own loops were up to
 * three times slower (Node 20). V8 does not inline at a place where it has seen different functions being called.
 */
export const invoke = (handler: Handler, message: Message, context: HandlerContext): unknown =>
  handler(message, context)

const DIFFERENT: readonly Handler[] = [() => 0, () => 1, () => 2]
/** Enough calls for V8 to have begun taking notes. */
const CALLS = 3_000

for (let call = 0; call < CALLS; call++) {
  invoke(DIFFERENT[call % DIFFERENT.length] as Handler, {} as Message, {} as HandlerContext)
}
