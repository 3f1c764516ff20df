import { once } from 'node:events'
import { PassThrough, Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { handOnOutput } from '#src/control/threads/thread-output.js'

/** As `process.stdout` is: it can be written to again after an error. */
const output = (faults: (Error | null)[], written: string[]): Writable =>
  new Writable({
    autoDestroy: false,
    decodeStrings: false,
    write: (text: Uint8Array, _encoding, done) => {
      const fault = faults.shift() ?? null
      if (fault === null) written.push(String(text))
      setImmediate(done, fault)
    },
  })

test('what a thread prints reaches the output, and nothing stays behind there', async () => {
  const written: string[] = []
  const to = output([], written)
  const printed = new PassThrough()
  printed.pipe(to)
  handOnOutput(printed, to)
  printed.write('one')
  printed.end('two')
  await expect.poll(() => written).toEqual(['one', 'two'])
  await expect.poll(() => to.listenerCount('error')).toBe(0)
  expect(to.writableEnded).toBe(false)
})

test('an output that fails costs what was printed, and the thread can go on printing', async () => {
  const written: string[] = []
  const to = output([new Error('EPIPE')], written)
  const printed = new PassThrough()
  printed.pipe(to)
  handOnOutput(printed, to)
  printed.write('lost')
  printed.write('read')
  printed.end('by nobody')
  await once(printed, 'end')
  await expect.poll(() => to.listenerCount('error')).toBe(0)
})

test('an error that nobody caused by printing is not swallowed', () => {
  const to = output([], [])
  handOnOutput(new PassThrough(), to)
  expect(() => to.emit('error', new Error('somebody else'))).toThrow('somebody else')
})
