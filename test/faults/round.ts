import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { machineMs, readRecord } from '#scripts/support/recorder.js'
import { until } from '#scripts/support/until.js'
import { within } from '#src/util/within.js'
import { Dice } from '../support/control/dice.js'
import { type Fault, REPEATS, type Scene } from './fault.js'
import { Episodes } from './judge/episodes.js'
import { type Episode, type Evidence, type Heard, type Violation, violation, type Warning } from './judge/evidence.js'
import { judge } from './judge/judge.js'
import { repeatsIn } from './judge/messages.js'
import type { Act, Round } from './schedule.js'
import { BOUNDS, PATIENCE_MS, RELEASE_MS, SLACK_MS, STOP_MS, TIMES } from './times.js'
import { untilWorking } from './working.js'
import { Leaks } from './world/leaks.js'
import type { Member } from './world/member.js'
import { Watch } from './world/watch.js'
import { NAMES, World } from './world/world.js'

/** What became of one act. */
export interface Played {
  readonly name: string
  readonly recoveredMs: number
  readonly repeated: number
  readonly rebalances: number
}

export interface RoundResult {
  readonly played: readonly Played[]
  readonly violations: readonly Violation[]
  readonly messages: number
  readonly starved: number
}

const APPLY_MS = 2 * PATIENCE_MS
/** What two clocks of one machine may differ by. */
const CLOCK_MS = 5

const nameOf = ({ faults }: Act): string => faults.map(({ name }) => name).join(' + ')
const laxest = (faults: readonly Fault[]) =>
  REPEATS[Math.max(...faults.map(({ repeats }) => REPEATS.indexOf(repeats)))] ?? 'uncommitted'

/** What is to be added to a time since the epoch to have it on the machine's clock. */
const fromEpochMs = (): number => {
  const samples = Array.from({ length: 20 }, () => machineMs() - Date.now())
  return samples.sort((a, b) => a - b)[10] ?? 0
}

const heardIn = (folder: string): Heard[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.events'))
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1))
    .map((line) => JSON.parse(line) as Heard)

const WARN = 40

/** What of the logs somebody is to read. Other lines than the logger's are the runtime's, or a supervisor's. */
const warningsIn = (folder: string, clock: number): Warning[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.log'))
    .flatMap((name) => {
      const lines = readFileSync(join(folder, name), 'utf8')
        .split('\n')
        .filter((line) => line.startsWith('{"level":'))
      return lines.flatMap((line) => {
        const { level, time, pid, msg } = JSON.parse(line) as { level: number; time: number; pid: number; msg: string }
        return level < WARN ? [] : [{ member: name.replace(/-\d+\.log$/, ''), pid, atMs: time + clock, words: msg }]
      })
    })

/** One world from its beginning to the verdict. */
export class Play {
  readonly #world: World
  readonly #say: (line: string) => void
  readonly #episodes: Episode[] = []
  readonly #recoveredMs: number[] = []
  readonly #leaks = new Leaks()
  readonly #violations: Violation[] = []
  readonly #clockAtStart = fromEpochMs()

  private constructor(world: World, say: (line: string) => void) {
    this.#world = world
    this.#say = say
  }

  /** @param until when no more acts are to begin, by the machine's clock */
  static async round(round: Round, folder: string, until: number, say: (line: string) => void): Promise<RoundResult> {
    const world = await World.open(round.setting, folder)
    try {
      return await new Play(world, say).#play(round.acts, until)
    } finally {
      await world.close()
    }
  }

  async #play(acts: readonly Act[], until: number): Promise<RoundResult> {
    const world = this.#world
    world.load.start()
    await Promise.all(NAMES.map((name) => world.begin(name)))
    const watch = new Watch(world)
    try {
      const ready = await untilWorking(world, BOUNDS.membership)
      if (typeof ready === 'string') throw new Error(`the pools do not begin to work: ${ready}`)
      for (const act of acts) {
        if (machineMs() > until) break
        await this.#leaks.remember(world.up)
        if (!(await this.#perform(act))) break
        if (watch.faults.length > 0) break
      }
      if (this.#isSound) await this.#end()
    } finally {
      watch.stop()
    }
    return this.#verdict(acts, watch)
  }

  get #isSound(): boolean {
    return this.#violations.length === 0
  }

  // ── one act ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** @returns whether the world works again */
  async #perform(act: Act): Promise<boolean> {
    const { faults } = act
    const fromMs = machineMs()
    this.#episodes.push({
      faults: faults.map(({ name }) => name),
      fromMs,
      repeats: laxest(faults),
      rebalances: faults.some(({ rebalances }) => rebalances),
    })
    const failedBefore = this.#world.failedStarts.length
    const notes: string[] = []
    const mends: (() => Promise<void>)[] = []
    try {
      await this.#apply(act, notes, mends)
    } catch (error) {
      return this.#fail('the fault', `${nameOf(act)}: ${(error as Error).stack}`)
    }
    const liftedAtMs = machineMs()
    const boundMs = faults.reduce((sum, fault) => sum + fault.boundMs, 0)
    const outcome = await untilWorking(this.#world, boundMs)
    const took = `${((liftedAtMs - fromMs) / 1000).toFixed(1)} s`
    const told = `${nameOf(act)} [${notes.join('; ')}]: over after ${took}`
    if (typeof outcome === 'string') {
      this.#say(`${told}; DOES NOT WORK AGAIN within ${boundMs} ms`)
      return this.#fail('works again within its bound', `${nameOf(act)}, after ${boundMs} ms: ${outcome}`)
    }
    this.#recoveredMs.push(outcome)
    this.#say(`${told}, works again ${(outcome / 1000).toFixed(2)} s later`)
    for (const mend of mends) {
      await mend()
      const after = await untilWorking(this.#world, boundMs)
      if (typeof after === 'string') return this.#fail('works when all is mended', `${nameOf(act)}: ${after}`)
    }
    const failed = this.#world.failedStarts.slice(failedBefore)
    if (failed.length > 0 && faults.length === 1) return this.#fail('a start succeeds', failed.join('\n'))
    return this.#died()
  }

  async #apply({ faults, afterMs, seed }: Act, notes: string[], mends: (() => Promise<void>)[]): Promise<void> {
    const taken = new Set<Member>()
    const applied = faults.map(async (fault, n) => {
      const dice = new Dice(seed + n)
      const scene: Scene = {
        world: this.#world,
        dice,
        note: (text) => notes.push(text),
        mendLater: (mend) => mends.push(mend),
        take: () => {
          const member = dice.one(this.#world.up.filter((each) => !taken.has(each)))
          if (member === undefined) throw new Error('no pool is up')
          taken.add(member)
          return member
        },
      }
      if (n > 0) await sleep(afterMs)
      await fault.apply(scene)
    })
    const all = Promise.all(applied)
    if (!(await within(all, APPLY_MS))) throw new Error(`it did not come to its end within ${APPLY_MS} ms`)
    await all
  }

  /** A process that has ended though nobody has asked it to. */
  #died(): boolean {
    const dead = this.#world.members.filter(({ isOver, isLeaving }) => isOver && !isLeaving)
    for (const { name, pid } of dead) this.#fail('no process ends by itself', `that of ${name} (${pid}) has`)
    return dead.length === 0
  }

  #fail(invariant: string, what: string): false {
    this.#violations.push(violation(invariant, what, machineMs()))
    return false
  }

  // ── the end ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** No more messages; everything is finished, nothing has leaked, and a clean stop repeats nothing. */
  async #end(): Promise<void> {
    const world = this.#world
    await world.load.stop()
    const drained = await untilWorking(world, BOUNDS.membership)
    if (typeof drained === 'string') return void this.#fail('everything is handled', drained)
    this.#violations.push(...(await this.#leaks.find(world.up)))
    this.#episodes.push({ faults: ['the end'], fromMs: machineMs(), repeats: 'nothing', rebalances: true })
    const last = world.up
    for (const member of last) member.terminate()
    for (const member of last) {
      if (await member.endsWithin(STOP_MS + SLACK_MS + APPLY_MS)) continue
      this.#fail('a stop is bounded', `the process of ${member.name} does not end`)
    }
    const nothingIsLeft = () => world.left.length === 0
    await until(nothingIsLeft, { what: 'all processes to be gone', everyMs: 100 }).catch(() =>
      this.#fail('nothing is left behind', `processes ${world.left.join()}`),
    )
    for (const what of world.leftInStateDirs) this.#fail('nothing is left behind', what)
  }

  async #verdict(acts: readonly Act[], watch: Watch): Promise<RoundResult> {
    const world = this.#world
    await world.load.stop()
    // What they would still do, when the play was broken off, is not in this evidence.
    await Promise.all(world.members.filter(({ isOver }) => !isOver).map((member) => member.kill()))
    const clock = fromEpochMs()
    const heard = heardIn(world.folder)
    const pools = new Set(heard.map(({ pid }) => pid))
    const evidence: Evidence = {
      topic: world.topic,
      acknowledged: world.load.acknowledged,
      // What was not finished when the play was broken off is no message that was lost.
      stored: this.#isSound ? await world.stored() : [],
      deadLetters: await world.deadLetters(),
      record: readRecord(world.record).map((handling) => {
        const { pid, ppid } = handling
        return { ...handling, pid: pools.has(pid) ? pid : ppid, worker: pid }
      }),
      heard,
      warnings: warningsIn(world.folder, clock),
      commits: (await world.log.commits(world.groupId))
        .filter(({ topic }) => topic === world.topic)
        .map(({ partition, offset, atEpochMs }) => ({ partition, offset, atMs: atEpochMs + clock })),
      generations: await world.log.history(world.groupId),
      episodes: this.#episodes,
      // In a cooperative group nobody waits for what it keeps.
      leftAfterMs: world.setting.pool.assignors === undefined ? TIMES.drain : RELEASE_MS,
      freezes: world.members.flatMap(({ freezes }) => freezes),
      clockMs: CLOCK_MS + Math.abs(clock - this.#clockAtStart),
    }
    const violations = [...this.#violations, ...watch.faults, ...judge(evidence)]
    return {
      violations,
      played: this.#played(acts, evidence),
      messages: world.load.acknowledged.length,
      starved: new Episodes(evidence.episodes, evidence.heard).starved,
    }
  }

  #played(acts: readonly Act[], evidence: Evidence): Played[] {
    const episodes = new Episodes(evidence.episodes, evidence.heard)
    const repeats = repeatsIn(evidence, episodes)
    const generations = new Map<number, number>()
    for (const { event, atMs, payload } of evidence.heard) {
      const generation = Number(payload.generation)
      if (event === 'group:joined' && !generations.has(generation)) generations.set(generation, episodes.indexAt(atMs))
    }
    const joins = [...generations.values()]
    return this.#recoveredMs.map((recoveredMs, n) => ({
      name: acts[n] === undefined ? '' : nameOf(acts[n]),
      recoveredMs,
      repeated: repeats.get(n) ?? 0,
      rebalances: joins.filter((episode) => episode === n).length,
    }))
  }
}
