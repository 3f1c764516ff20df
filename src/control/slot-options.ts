import type { Logger } from 'pino'
import type { PoolSettings, SlotConfig } from '../config/resolved.js'
import type { ControlClient } from '../kafka/client.js'
import type { JournalTask, LostLeader } from '../protocol/messages.js'
import type { DeadLetterStore } from './dead-letters/store.js'
import type { HoldBook } from './holdings.js'
import type { ConsumedTopics } from './membership/consumed-topics.js'
import type { Coordinator } from './membership/coordinator.js'
import type { Group } from './membership/group.js'
import type { AskTopics } from './membership/steady-topics.js'
import type { StoredOffsets } from './progress/stored-offsets.js'
import type { Emit } from './slot-reporter.js'
import type { RestartLimiter } from './supervision/restart-limiter.js'
import type { Crash } from './supervision/restarts.js'
import type { Suspects } from './supervision/suspects.js'
import type { Threads } from './threads/threads.js'

/** Where the threads of a slot write down what is in flight. */
export interface Journals {
  of(incarnation: number): JournalTask | null
  /** That thread is dead. */
  over(incarnation: number): void
}

/** What a slot has from its pool. */
export interface SlotOptions {
  readonly config: SlotConfig
  readonly settings: PoolSettings
  readonly threads: Threads
  readonly limiter: RestartLimiter
  readonly group: Group
  /** Those of the slot's group, as what it has stored. */
  readonly suspects: Suspects
  readonly stored: StoredOffsets
  /** Topics of the slot's subscription. @default the ones that the configuration names */
  readonly consumed?: ConsumedTopics
  /** What is paused of the whole pool. @default nothing */
  readonly onHold?: HoldBook
  /** The client that the whole pool shares, and the group's coordinator by way of it. */
  readonly poolClient: ControlClient
  readonly coordinator: Coordinator
  readonly deadLetters: DeadLetterStore
  /** How many threads have filled a slot of that number before: their numbers are not given again. @default 0 */
  readonly incarnations?: number
  /** Makes a client for the seat, under a fresh client id. */
  readonly createSeatClient: () => ControlClient
  readonly nextClientId: () => string
  readonly topics: AskTopics
  readonly log: Logger
  readonly emit: Emit
  /** Re-emits a line of a thread's logger. */
  readonly relay: (line: string) => void
  /** Its thread has lost the leaders of these partitions. */
  readonly onLeadersLost: (partitions: readonly LostLeader[]) => void
  readonly journals?: Journals
  /** A crash happened, or (null) the slot was parked for another reason: the pool looks whether it must escalate. */
  readonly onTrouble: (crash: Crash | null) => void
  /** The heap of its thread has become full. */
  readonly onHeapFull: () => void
}
