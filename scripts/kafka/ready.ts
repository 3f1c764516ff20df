import { setTimeout as sleep } from 'node:timers/promises'
import { withAdmin } from '../support/kafka-client.js'
import { BrokerError } from './broker-error.js'
import type { Cluster } from './cluster.js'

const POLL_MS = 100
const LAST_LINES = 20

const clientOf = (address: string, retries: number) => ({
  clientId: 'broker-ready',
  brokers: [address],
  retry: { retries, initialRetryTime: POLL_MS, maxRetryTime: 500 },
})

/** Ids of the nodes that this one knows to be in service; none when it does not answer. */
const nodesKnownTo = async (address: string): Promise<number[]> => {
  try {
    const { brokers } = await withAdmin(clientOf(address, 0), (admin) => admin.describeCluster())
    return brokers.map(({ nodeId }) => nodeId)
  } catch {
    return []
  }
}

const lastLines = (log: string): string => log.trimEnd().split('\n').slice(-LAST_LINES).join('\n')

/**
 * Resolves when each of the nodes answers requests and all of them see each other in service. Rejects at once when a
 * process ends, with its last words, and at the deadline.
 */
export const untilServing = async (cluster: Cluster, nodes: readonly number[], timeoutMs: number): Promise<void> => {
  const deadlineMs = performance.now() + timeoutMs
  for (;;) {
    for (const node of nodes) {
      const how = await cluster.ended(node)
      if (how === undefined) continue
      throw new BrokerError(`Kafka ${cluster.version} did not start (${how}):\n${lastLines(await cluster.log(node))}`)
    }
    const views = await Promise.all(nodes.map((node) => nodesKnownTo(cluster.brokers[node - 1] ?? '')))
    if (views.every((view) => nodes.every((node) => view.includes(node)))) return
    if (performance.now() > deadlineMs) {
      const silent = nodes.filter((_, index) => views[index]?.length === 0)
      const logs = await Promise.all(nodes.map((node) => cluster.log(node)))
      throw new BrokerError(
        `Kafka ${cluster.version} was not ready after ${timeoutMs} ms (no answer from: ${silent.join(', ') || 'none'}).` +
          `\n${logs.map(lastLines).join('\n')}`,
      )
    }
    await sleep(POLL_MS)
  }
}

/** Has the brokers make their topic of group offsets now, so that nobody's first JoinGroup waits for it. */
export const untilGroupsWork = async (cluster: Cluster): Promise<void> => {
  await withAdmin(clientOf(cluster.brokers[0] ?? '', 60), (admin) => admin.describeGroups(['broker-ready']))
}
