import type { Logger } from 'pino'
import type { ConsumerConfig } from '../../config/resolved.js'
import type { GroupDescription } from '../../kafka/group.js'
import { monotonicMs } from '../../util/clock.js'
import { after } from '../../util/timers.js'

/** So long a seat waits before it is said for what. An empty group waits 3 s by itself (`group.initial.rebalance.delay.ms`). */
const TOLD_AFTER_MS = 5_000
const TOLD_EVERY_MS = 60_000
/** So many members are named. */
const NAMED = 5

const seconds = (ms: number): string => `${Math.round(ms / 100) / 10} s`

type Member = GroupDescription['members'][number]

const nameOf = ({ memberId, instanceId, clientId, host }: Member): string =>
  `${instanceId === null ? memberId : `"${instanceId}"`} (client id ${clientId}, at ${host.replace(/^\//, '')})`

/**
 * What a seat that has sent JoinGroup or SyncGroup waits for, in words.
 *
 * @param group what the coordinator says; null when it says nothing
 * @param isOwn whether a member is a seat of this pool
 */
export const whatIsWaitedFor = (
  group: GroupDescription | null,
  isOwn: (memberId: string) => boolean,
  { groupId, sessionTimeout, rebalanceTimeout }: ConsumerConfig,
): string => {
  const name = `group "${groupId}"`
  if (group === null) return `${name}: the coordinator has not answered yet, and does not say why`
  const others = group.members.filter(({ memberId }) => !isOwn(memberId))
  if (group.state === 'CompletingRebalance') {
    return `${name} waits for its leader to hand out the assignment. If that one is gone, it is dropped when its session is over (here after ${seconds(sessionTimeout)})`
  }
  if (others.length === 0) return `${name} rebalances; no member of another process is in it (state ${group.state})`
  const named = others.slice(0, NAMED).map(nameOf).join(', ')
  const more = others.length > NAMED ? ` and ${others.length - NAMED} more` : ''
  return `${name} rebalances and waits until the members of other processes have joined again: ${named}${more}. One that is gone without having left (kill -9, a second Ctrl-C) is dropped when its session is over (here after ${seconds(sessionTimeout)}); no rebalance waits longer than the longest rebalance timeout (here ${seconds(rebalanceTimeout)})`
}

export interface Waiting {
  readonly consumer: ConsumerConfig
  /** Asks the coordinator, on a connection that is free. */
  readonly describe: () => Promise<GroupDescription>
  readonly log: Logger
}

/** Says for what the seats of a group wait when that takes long: once for all of them, and once a minute. */
export class JoinWatch {
  readonly #isOwn: (memberId: string) => boolean
  #waiting = 0
  #sinceMs = 0
  #told: { readonly log: Logger; readonly words: string } | null = null
  #timer: NodeJS.Timeout | undefined

  /** @param isOwn whether a member is a seat of this pool */
  constructor(isOwn: (memberId: string) => boolean) {
    this.#isOwn = isOwn
  }

  /** What was told last of what is being waited for; null while nothing was. */
  get words(): string | null {
    return this.#told?.words ?? null
  }

  /** @returns what `request` resolves or rejects with */
  async during<T>(request: Promise<T>, waiting: Waiting): Promise<T> {
    if (this.#waiting++ === 0) {
      this.#sinceMs = monotonicMs()
      this.#lookIn(TOLD_AFTER_MS, waiting)
    }
    try {
      return await request
    } finally {
      if (--this.#waiting === 0) this.#isOver()
    }
  }

  #lookIn(ms: number, waiting: Waiting): void {
    this.#timer = after(() => void this.#look(waiting), ms).unref()
  }

  async #look(waiting: Waiting): Promise<void> {
    const { consumer, describe, log } = waiting
    this.#lookIn(TOLD_EVERY_MS, waiting)
    const sinceMs = this.#sinceMs
    const group = await describe().catch(() => null)
    if (this.#waiting === 0 || this.#sinceMs !== sinceMs) return
    const words = whatIsWaitedFor(group, this.#isOwn, consumer)
    this.#told = { log, words }
    const waitedMs = monotonicMs() - sinceMs
    log.warn({ groupId: consumer.groupId, state: group?.state, waitedMs: Math.round(waitedMs) }, words)
  }

  #isOver(): void {
    clearTimeout(this.#timer)
    if (this.#told === null) return
    this.#told.log.info({ waitedMs: Math.round(monotonicMs() - this.#sinceMs) }, 'the group goes on')
    this.#told = null
  }
}
