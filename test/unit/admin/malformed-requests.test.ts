import { connect } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { startAdmin } from '../../support/admin/admin-bench.js'
import { ask } from '../../support/admin/ask.js'
import { malformedRequests } from '../../support/admin/malformed.js'
import { partitionStatus, poolStatus, slotStatus } from '../../support/admin/status.js'

/** `ADMIN_REQUESTS=10000 ADMIN_SEED=7`: more of them, or others. */
const REQUESTS = Number(process.env.ADMIN_REQUESTS ?? 2_000)
const SEED = Number(process.env.ADMIN_SEED ?? 13)
const SIDE_BY_SIDE = 24

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Says that, and nothing more. Resolves with the status of every answer when the connection is over. */
const say = (port: number, bytes: Buffer): Promise<readonly number[]> =>
  new Promise((resolve) => {
    let heard = ''
    const socket = connect(port, '127.0.0.1', () => void socket.end(bytes))
    socket.setEncoding('latin1').on('data', (text: string) => {
      heard = (heard + text).slice(-100_000)
      if (heard.includes('text/event-stream')) socket.destroy()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      resolve([...heard.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) => Number(status)))
    })
  })

test(`thousands of malformed requests end with no fault, no answer that tells of one, and no memory (seed ${SEED})`, async () => {
  const assignment = Array.from({ length: 20 }, (_, n) => partitionStatus(n))
  const { port, url, lines, pool } = await startAdmin({ status: poolStatus('running', slotStatus({ assignment })) })
  const statuses = new Map<number, number>()
  const faults: unknown[] = []
  const malformed = malformedRequests(SEED)
  const speak = async (count: number): Promise<void> => {
    let left = count
    const one = async (): Promise<void> => {
      for (; left > 0; left--) {
        for (const status of await say(port, malformed())) statuses.set(status, (statuses.get(status) ?? 0) + 1)
      }
    }
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, one))
    // What the bench remembers is not what the server does.
    faults.push(...lines.filter(({ level }) => level >= 50))
    lines.splice(0)
    pool.orders.splice(0)
    collect()
  }
  // The first ones have everything compiled and every buffer allocated.
  await speak(Math.min(REQUESTS / 2, 2_000))
  const heapBefore = process.memoryUsage().heapUsed
  await speak(REQUESTS)
  const grownMb = (process.memoryUsage().heapUsed - heapBefore) / 2 ** 20
  expect([...statuses.keys()].filter((status) => status >= 500)).toEqual([])
  // All that the server refuses itself was met, or the dice were too wild for the server's own code.
  for (const status of [200, 400, 403, 404, 405, 413, 415, 431]) {
    expect(statuses.get(status), `answers with ${status}`).toBeGreaterThan(2)
  }
  expect(faults).toEqual([])
  expect(grownMb).toBeLessThan(3)
  expect((await ask(url('/livez'))).status).toBe(200)
}, 180_000)
