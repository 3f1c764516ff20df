import { appendFileSync } from 'node:fs'

/** Notes each message, and when, in the file that the environment names. */
export default ({ partition, offset }) =>
  appendFileSync(process.env.BENCH_HEARD, `${partition}/${offset} ${Date.now()}\n`)
