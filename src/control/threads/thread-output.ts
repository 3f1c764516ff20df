import { type Readable, Writable } from 'node:stream'
import { guardOutput } from '../../util/guard-output.js'

/**
 * Hands on what the code in a thread prints. Node pipes it to the process's own output, where a write that fails ends the
 * whole process; here it costs what was printed.
 *
 * @param printed `worker.stdout` or `worker.stderr`
 * @param output where Node pipes that to
 */
export const handOnOutput = (printed: Readable, output: Writable): void => {
  printed.unpipe(output)
  const write = (text: Uint8Array, _encoding: string, done: () => void): void => {
    const release = guardOutput(output)
    output.write(text, () => {
      release()
      done()
    })
  }
  printed.pipe(new Writable({ write }))
}
