import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { entriesIn } from '../../protocol/journal.js'
import { makeFolder } from './make-folder.js'
import { isGone, type Owner, ownerOf } from './owner.js'
import { afterProcessDeath, type Counts, withLeft } from './process-deaths.js'

const STATE = 'state.json'
const JOURNAL = /^slot-(\d+)\.\d+$/

/** What a pool leaves behind when its process dies. */
interface Saved extends Owner {
  /** Groups of the slots, by number. */
  readonly groups: readonly string[]
  /** By group, see {@link Counts}. */
  readonly counts: Readonly<Record<string, unknown>>
}

export interface StateDirOptions {
  readonly path: string
  /** Of each slot, by number. */
  readonly groups: readonly string[]
  /** How many deaths convict a message of that group. */
  readonly convictAfter: (groupId: string) => number
  readonly wallMs?: number
}

const readSaved = (folder: string): Saved | null => {
  try {
    const saved = JSON.parse(readFileSync(join(folder, STATE), 'utf8')) as Partial<Saved>
    const { host, pid, groups, counts } = saved
    const isWhole = typeof host === 'string' && Number.isSafeInteger(pid) && Array.isArray(groups)
    return isWhole ? ({ ...saved, counts: counts ?? {} } as Saved) : null
  } catch {
    return null
  }
}

/** By group, what was in flight when the folder's process died. */
const inFlightIn = (folder: string, { groups }: Saved): Map<string, ReturnType<typeof entriesIn>> => {
  const found = new Map<string, ReturnType<typeof entriesIn>>()
  for (const file of readdirSync(folder)) {
    const groupId = groups[Number(JOURNAL.exec(file)?.[1] ?? Number.NaN)]
    if (groupId === undefined) continue
    found.set(groupId, [...(found.get(groupId) ?? []), ...entriesIn(readFileSync(join(folder, file)))])
  }
  return found
}

/** What cannot be removed only makes the next process careful for nothing. */
const remove = (path: string): void => {
  try {
    rmSync(path, { recursive: true, force: true })
  } catch {}
}

/**
 * The folder in which a pool keeps what has to outlive its process: one of its own in `stateDir`, which a stop removes. One
 * that is still there when its process is gone tells of a death, and what was in flight.
 */
export class StateDir {
  /** A process before this one did not stop, but died. */
  readonly isAfterDeath: boolean
  /** What is held against messages, by group. */
  readonly counts: ReadonlyMap<string, Counts>
  readonly #folder: string
  #saved: Saved

  /**
   * Takes over what dead processes with one of these groups have left.
   *
   * @throws what the file system says when the folder cannot be used
   */
  constructor({ path: given, groups, convictAfter, wallMs = Date.now() }: StateDirOptions) {
    const path = resolve(given) // whatever somebody makes the working directory later
    makeFolder(path)
    const dead = readdirSync(path)
      .filter((name) => name.startsWith('pool-'))
      .map((name) => ({ folder: join(path, name), saved: readSaved(join(path, name)) }))
      .filter(({ saved }) => saved !== null && isGone(saved) && saved.groups.some((group) => groups.includes(group)))
    const counts = new Map<string, Counts>()
    for (const { folder, saved } of dead) {
      if (saved === null) continue
      const inFlight = inFlightIn(folder, saved)
      for (const group of new Set(saved.groups)) {
        const left = Object.hasOwn(saved.counts, group) ? saved.counts[group] : []
        const before = withLeft(counts.get(group) ?? new Map(), left)
        const hadCompany = [...inFlight].some(([other, entries]) => other !== group && entries.length > 0)
        counts.set(group, afterProcessDeath(before, inFlight.get(group) ?? [], hadCompany, convictAfter(group), wallMs))
      }
    }
    this.counts = counts
    this.isAfterDeath = dead.length > 0
    const left = Object.fromEntries([...counts].map(([group, suspects]) => [group, [...suspects.values()]]))
    this.#saved = { ...ownerOf(), groups, counts: left }
    this.#folder = this.#settle(path)
    for (const { folder } of dead) remove(folder)
  }

  /** Where the thread of a slot writes down what is in flight. */
  journalOf(slot: number, incarnation: number): string {
    return join(this.#folder, `slot-${slot}.${incarnation}`)
  }

  /** A slot whose group was not named at the start. Never throws. */
  follow(slot: number, groupId: string): void {
    if (this.#saved.groups[slot] === groupId) return
    const groups = [...this.#saved.groups]
    groups[slot] = groupId
    this.#saved = { ...this.#saved, groups }
    try {
      const unfinished = join(this.#folder, `new-${STATE}`)
      this.#write(unfinished)
      renameSync(unfinished, join(this.#folder, STATE))
    } catch {} // what kills the process in that slot is not found out
  }

  /** That thread is dead, and the pool knows what was in flight. Never throws. */
  forget(slot: number, incarnation: number): void {
    remove(this.journalOf(slot, incarnation))
  }

  /** Nothing that happens from now on is a death. Never throws. */
  close(): void {
    remove(this.#folder)
  }

  /** Its folder is there with all that it says, or not at all. */
  #settle(path: string): string {
    const id = `${process.pid}-${randomBytes(6).toString('hex')}`
    const unfinished = join(path, `new-${id}`)
    const folder = join(path, `pool-${id}`)
    try {
      mkdirSync(unfinished, { mode: 0o700 })
      this.#write(join(unfinished, STATE))
      renameSync(unfinished, folder)
    } catch (reason) {
      remove(unfinished) // nobody else would
      throw reason
    }
    return folder
  }

  #write(path: string): void {
    writeFileSync(path, JSON.stringify(this.#saved), { mode: 0o600 })
  }
}
