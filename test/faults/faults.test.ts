import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { BrokerError } from '#scripts/broker.js'
import { machineMs } from '#scripts/support/recorder.js'
import { chosenFaults, chosenMinutes, chosenSeed, isChosen, TEST_MS } from './choice.js'
import type { Violation } from './judge/evidence.js'
import { table } from './report.js'
import { Play, type Played } from './round.js'
import { longRun, type Round, shortRun } from './schedule.js'

/** Kept when something is wrong. */
const folder = mkdtempSync(join(tmpdir(), 'faults-'))
const beganAtMs = machineMs()
const history: string[] = []

const say = (line: string): void => {
  const text = `${((machineMs() - beganAtMs) / 1000).toFixed(1).padStart(7)} s  ${line}`
  history.push(text)
  process.stderr.write(`${text}\n`)
}

const MOST_TOLD = 30

const tell = (violations: readonly Violation[]): string =>
  violations
    .slice(0, MOST_TOLD)
    .map(({ invariant, what, atMs }) => {
      const when = atMs === null ? '' : ` at ${((atMs - beganAtMs) / 1000).toFixed(2)} s`
      return `- ${invariant}${when}: ${what}`
    })
    .join('\n')

test(
  'whatever happens to threads, processes, network and brokers, nothing is lost and the pools work again',
  async ({ skip }) => {
    const seed = chosenSeed()
    const minutes = chosenMinutes()
    const faults = chosenFaults()
    const again = `npm run test:faults -- --seed ${seed}${minutes === null ? '' : ` --minutes ${minutes}`}`
    say(`${faults.length} faults, seed ${seed}: ${again}`)
    if (process.env.KAFKA_BROKERS) skip('KAFKA_BROKERS is somebody else’s broker, which is not ours to harm')

    const rounds: Iterable<Round> = minutes === null ? shortRun(faults, seed) : longRun(faults, seed)
    const until = minutes === null ? Number.POSITIVE_INFINITY : beganAtMs + minutes * 60_000
    const played: Played[] = []
    const counts = { messages: 0, starved: 0 }
    let number = 0
    for (const round of rounds) {
      if (machineMs() > until) break
      if (!isChosen(round)) continue
      number += 1
      say(`round ${number}: ${round.setting.name}, ${round.acts.length} acts`)
      const result = await Play.round(round, join(folder, `round-${number}`), until, say).catch((error: unknown) => {
        if (error instanceof BrokerError && process.env.CI !== 'true') skip(error.message)
        throw error
      })
      played.push(...result.played)
      counts.messages += result.messages
      counts.starved += result.starved
      if (result.violations.length > 0) {
        writeFileSync(join(folder, 'history.txt'), `${history.join('\n')}\n`)
        writeFileSync(join(folder, 'violations.json'), JSON.stringify(result.violations, null, 1))
        const story = `seed ${seed} (${again}); records, events and logs are in ${folder}`
        const found = `${result.violations.length} violations:\n${tell(result.violations)}`
        expect.fail(`${found}\n\n${story}\n\n${history.join('\n')}`)
      }
      rmSync(join(folder, `round-${number}`), { recursive: true, force: true })
    }
    rmSync(folder, { recursive: true, force: true })
    say(`${counts.messages} messages, 0 lost; ${counts.starved} episodes in which a main thread got no turn for long`)
    process.stderr.write(`${table(played)}\n`)
  },
  TEST_MS,
)
