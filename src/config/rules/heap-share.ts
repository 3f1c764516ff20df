import type { LayeredSlot } from '../groups.js'
import type { Issues } from '../issues.js'

const LEAF = 'consumer.maxDecompressedBytes'
const FETCHED = 'consumer.maxBytesPerPartition'

/** The part of a thread's heap that the messages of one batch, as objects, may take. What waits may take as much again. */
const SHARE = 0.25

/**
 * Holds the size of batches against the heap: with one that is allowed and does not fit the thread would run out of
 * memory again and again, instead of its partition standing still. The default gives way; what somebody has set is refused.
 *
 * @param heap what limits the heap of each thread, and what has set that
 */
export const fitHeap = (
  slots: readonly LayeredSlot[],
  heap: { readonly mb: number; readonly setBy: string },
  issues: Issues,
): LayeredSlot[] => {
  const most = Math.floor(heap.mb * 2 ** 20 * SHARE)
  return slots.map((slot) => {
    const setting = slot.layer.get(LEAF)
    const { maxDecompressedBytes, maxBytesPerPartition } = slot.config.consumer
    if (setting === undefined || maxDecompressedBytes <= most) return slot
    const isDefault = setting.rank === 'default'
    if (isDefault && maxBytesPerPartition <= most) {
      return { ...slot, config: { ...slot.config, consumer: { ...slot.config.consumer, maxDecompressedBytes: most } } }
    }
    // What keeps the default from giving way is what one fetch of a partition may bring.
    const [leaf, bytes] = isDefault ? [FETCHED, maxBytesPerPartition] : [LEAF, maxDecompressedBytes]
    const needed = Math.ceil(bytes / SHARE / 2 ** 20)
    issues.add(
      (slot.layer.get(leaf) ?? setting).from,
      `${leaf.slice('consumer.'.length)} (${bytes} bytes) must not be above a quarter of ${heap.setBy} (${heap.mb} MB), or a batch that is allowed ends its thread. Lower it to ${most}, or raise ${heap.setBy} to ${needed}`,
    )
    return slot
  })
}
