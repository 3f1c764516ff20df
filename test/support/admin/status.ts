import type { PartitionPause, PoolStatus, SlotStatus } from '#src/index.js'

const seat: SlotStatus['seat'] = {
  ...{ state: 'stable', clientId: 'seat', memberId: 'member', instanceId: null, generation: 1 },
  ...{ protocol: 'cooperative-sticky', leader: true },
}

/** A slot that runs, but for what is said. */
export const slotStatus = (more: Partial<SlotStatus> = {}): SlotStatus => ({
  ...{ slot: 0, subscription: 0, state: 'running', incarnation: 1, groupId: 'group', clientId: 'pool-00', threadId: 1 },
  seat,
  ...{ assignment: [], inFlight: 0, finished: 10, failed: 0, retried: 0, deadLettered: 0, dropped: 0 },
  ...{ restarts: 0, recycles: 0, memory: null, lastError: null, stalled: false, waitingFor: null, config: null },
  ...more,
})

/** A partition of `orders` that stands still, or does not, or is paused by `pool.pause()`. */
export const partitionStatus = (
  partition: number,
  paused: PartitionPause | null = null,
  onHoldForMs: number | null = null,
) => ({
  ...{ topic: 'orders', partition, committed: '5', finishedUpTo: '5', position: '6', lag: '1' },
  ...{ paused, onHoldForMs },
})

export const poolStatus = (state: PoolStatus['state'], ...slots: readonly SlotStatus[]): PoolStatus => ({
  state,
  slots,
  subscriptions: [{ topics: ['orders'], slots: slots.length, wanted: slots.length, min: 1, max: 1 }],
  totals: {
    ...{ finished: 10, failed: 0, retried: 0, deadLettered: 0, dropped: 0, restarts: 0, recycles: 0, inFlight: 0 },
    ...{ lag: '1', rebalances: 0, lostThreads: 0 },
  },
})
