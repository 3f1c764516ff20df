import type { HeapFill } from '../../protocol/ledger.js'
import type { RecycleReason } from '../../protocol/reports.js'

/** One slot, as far as it matters for whether its thread is recycled now. */
export interface Candidate {
  readonly slot: number
  /** Its thread works, and nothing else is about to replace it. */
  readonly mayRecycle: boolean
  readonly isRecycling: boolean
  readonly isAsked: boolean
  readonly fill: HeapFill
  /** From when on it may be recycled because its heap is full (monotonic ms). */
  readonly fillDueMs: number
  /** Of this thread. */
  readonly finished: number
  readonly livedMs: number
  /** After how many messages, and after what time; Infinity for never. */
  readonly limits: { readonly messages: number; readonly ms: number }
}

export interface RecycleScene {
  readonly candidates: readonly Candidate[]
  /** A spare is warm. */
  readonly hasSpare: boolean
  /** The slot to recycle because the process takes too much memory, or null. */
  readonly greediest: number | null
  /** Monotonic. */
  readonly nowMs: number
}

/** From the most urgent one. */
const REASONS = {
  asked: ({ isAsked }) => isAsked,
  memory: ({ fill, fillDueMs, finished }, { nowMs }) => fill !== 'fine' && finished > 0 && nowMs >= fillDueMs,
  rss: ({ slot }, { greediest }) => slot === greediest,
  messages: ({ finished, limits }) => finished >= limits.messages,
  time: ({ livedMs, limits }) => livedMs >= limits.ms,
} as const satisfies Record<RecycleReason, (slot: Candidate, scene: RecycleScene) => boolean>

/**
 * Which thread is to be recycled now, and why; null when none is. One at a time, and not before a spare is there, so that
 * the slot loses no more than a moment. A thread that is brimful begins no message any more, so it waits for neither.
 */
export const nextRecycle = (scene: RecycleScene): { readonly slot: number; readonly reason: RecycleReason } | null => {
  const { candidates, hasSpare } = scene
  const able = candidates.filter(({ mayRecycle }) => mayRecycle)
  const brimful = able.find((slot) => slot.fill === 'brimful' && REASONS.memory(slot, scene))
  if (brimful !== undefined) return { slot: brimful.slot, reason: 'memory' }
  if (!hasSpare || candidates.some(({ isRecycling }) => isRecycling)) return null
  for (const reason of Object.keys(REASONS) as RecycleReason[]) {
    const found = able.find((slot) => REASONS[reason](slot, scene))
    if (found !== undefined) return { slot: found.slot, reason }
  }
  return null
}
