// A handler with setup and teardown, which write down what happens: hooks.mjs?journal=<file>[&setup=fails|blocks-again|hangs-again][&teardown=hangs|blocks]
import { appendFileSync } from 'node:fs'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { threadId } from 'node:worker_threads'

const query = new URL(import.meta.url).searchParams
const note = (what) => appendFileSync(query.get('journal'), `${process.pid}-${threadId} ${what}\n`)

/** How often this thread has been set up. */
let times = 0

export const setup = async ({ slot, incarnation, log }) => {
  if (query.get('setup') === 'fails') throw new Error('no database today')
  await sleep(50)
  note(`setup ${slot} ${incarnation}`)
  times += 1
  if (times > 1 && query.get('setup') === 'blocks-again') for (;;);
  if (times > 1 && query.get('setup') === 'hangs-again') await new Promise(() => {})
  log.info('said by setup')
}

export const teardown = async () => {
  await sleep(400)
  note('teardown')
  if (query.get('teardown') === 'hangs') await new Promise(() => {})
  if (query.get('teardown') === 'blocks') for (;;);
}

export default ({ partition, value }) => {
  note(`handled ${partition}`)
  if (value.toString() === 'exit') process.exit(7)
}
