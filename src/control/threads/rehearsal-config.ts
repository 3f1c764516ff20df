import { resolveConfig } from '../../config/resolve.js'
import type { SlotConfig } from '../../config/resolved.js'

/** What spares rehearse with: the slot of a pool that says no more than it must. */
export const rehearsalConfig = (): SlotConfig | undefined =>
  resolveConfig({
    kafka: { brokers: ['127.0.0.1:9092'] },
    consumer: { groupId: 'rehearsal' },
    topics: ['rehearsal'],
    handler: 'rehearsal',
    workers: 1,
  }).slots[0]
