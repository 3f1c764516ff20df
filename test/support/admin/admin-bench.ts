import { onTestFinished } from 'vitest'
import { type Administered, AdminServer } from '#src/admin/admin-server.js'
import type { PoolStatus } from '#src/index.js'
import { collectLines } from '../log-lines.js'
import { poolStatus, slotStatus } from './status.js'

/** An admin server at a free port, before a pool that says what the test wants; closed after the test. */
export const startAdmin = async ({ token = null, status }: { token?: string | null; status?: PoolStatus } = {}) => {
  const pool = {
    ...{ says: status ?? poolStatus('running', slotStatus()), answers: true, orders: [] as unknown[][] },
    /** When the orders are done that may take long. */
    takes: Promise.resolve(),
  }
  const ordered = (...order: unknown[]): boolean => {
    pool.orders.push(order)
    return pool.answers
  }
  const orderedLong = (...order: unknown[]): Promise<void> => {
    ordered(...order)
    return pool.takes
  }
  const administered: Administered = {
    status: () => pool.says,
    measures: () => ({ slots: [], groups: [] }),
    pause: (topic, partitions) => orderedLong('pause', topic, partitions),
    resume: (topic, partitions) => ordered('resume', topic, partitions),
    seek: (topic, partition, to) => orderedLong('seek', topic, partition, to).then(() => '7'),
    scale: (slots, options) => orderedLong('scale', slots, options),
    recycle: (slot) => ordered('recycle', slot),
    setLogLevel: (level) => void ordered('setLogLevel', level),
  }
  const { lines, logger: log } = collectLines()
  const server = new AdminServer({ host: '127.0.0.1', port: 0, token, pool: administered, log })
  onTestFinished(() => server.close())
  await server.listen()
  const { address } = server
  if (address === null) throw new Error('it does not listen')
  return {
    server,
    pool,
    lines,
    address,
    url: (path: string) => `${address}${path}`,
    port: Number(new URL(address).port),
  }
}
