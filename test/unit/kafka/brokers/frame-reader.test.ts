import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FrameReader } from '#src/kafka/brokers/frame-reader.js'

const framed = (body: Uint8Array): Buffer => {
  const length = Buffer.alloc(4)
  length.writeInt32BE(body.length)
  return Buffer.concat([length, body])
}

const takeAll = (reader: FrameReader): Buffer[] => {
  const frames: Buffer[] = []
  for (let frame = reader.take(); frame !== null; frame = reader.take()) frames.push(frame)
  return frames
}

describe('what arrives on a socket', () => {
  it('is cut into the same frames wherever the chunks end, whether frames are taken at once or later', () => {
    const bodies = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 10 })
    fc.assert(
      fc.property(bodies, fc.array(fc.nat(20)), fc.boolean(), (frames, cuts, atOnce) => {
        const reader = new FrameReader()
        const taken: Buffer[] = []
        let rest = Buffer.concat(frames.map(framed))
        for (const cut of cuts) {
          reader.add(rest.subarray(0, cut))
          rest = rest.subarray(cut)
          if (atOnce) taken.push(...takeAll(reader))
        }
        reader.add(rest)
        taken.push(...takeAll(reader))
        expect(taken.map((frame) => frame.toString('hex'))).toEqual(
          frames.map((body) => Buffer.from(body).toString('hex')),
        )
        expect(reader.length).toBeNull()
      }),
    )
  })

  it('is put together also when it comes in crumbs', () => {
    const reader = new FrameReader()
    const body = Buffer.from(Array.from({ length: 10_000 }, (_, index) => index % 251))
    for (const byte of framed(body)) {
      expect(reader.take()).toBeNull()
      reader.add(Buffer.from([byte]))
    }
    expect(reader.take()?.equals(body)).toBe(true)
  })

  it('takes no memory for what was only announced', () => {
    const before = process.memoryUsage().arrayBuffers
    const reader = new FrameReader()
    reader.add(Buffer.from([0x7f, 0xff, 0xff, 0xff]))
    reader.add(Buffer.alloc(10))
    expect(reader.length).toBe(2 ** 31 - 1)
    expect(reader.take()).toBeNull()
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000)
  })

  it('shows its first bytes, which may say who is there', () => {
    const reader = new FrameReader()
    for (const part of ['SS', 'H-', '2.0']) reader.add(Buffer.from(part))
    expect(reader.head(5).toString()).toBe('SSH-2')
    expect(reader.head(50).toString()).toBe('SSH-2.0')
  })
})
