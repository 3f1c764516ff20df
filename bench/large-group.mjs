/*
 * What leading a large group costs the main thread: 200 members share 3,000 partitions with cooperative-sticky. From the
 * answer to JoinGroup to what goes into SyncGroup, without a broker; each round in a process of its own, which has never
 * done it before.
 */
import { median, printTable, printTarget } from './support/figures.mjs'
import { measureInProcess, printMachine, programOptions } from './support/program.mjs'

const { rounds, members, partitions, topics } = programOptions({
  rounds: 7,
  members: 200,
  partitions: 3_000,
  topics: 30,
})
const ASSIGNED_MS = 200
const BLOCKED_MS = 20

const size = { members, partitions, topics, mixed: false, racks: false, joins: 1 }
const GROUPS = {
  'a member joins': size,
  'all are new': { ...size, joins: members },
  'ten join, with racks': { ...size, joins: 10, racks: true },
  'all are new, with racks': { ...size, joins: members, racks: true },
  'ten join, topics differ': { ...size, joins: 10, mixed: true },
}

printMachine()
const entry = new URL('support/leads-large-group.mjs', import.meta.url)
const execArgv = ['--expose-gc']
const results = Object.fromEntries(Object.keys(GROUPS).map((name) => [name, []]))
for (let round = 0; round < rounds; round++) {
  for (const [name, task] of Object.entries(GROUPS))
    results[name].push(await measureInProcess(entry, task, { execArgv }))
}
const figures = (name, figure) => results[name].map((result) => result[figure])
const byRound = (numbers) => numbers.map((ms) => ms.toFixed(0)).join(' ')
printTable([
  [`${members} members, ${partitions} partitions`, 'assigned after ms', 'by round', 'main blocked for ms', 'by round'],
  ...Object.keys(GROUPS).map((name) => {
    const [took, blocked] = [figures(name, 'tookMs'), figures(name, 'blockedMs')]
    return [name, median(took), byRound(took), median(blocked), byRound(blocked)]
  }),
])
console.log()
const worst = (figure) => Math.max(...Object.keys(GROUPS).map((name) => median(figures(name, figure))))
printTarget('assignment', worst('tookMs') <= ASSIGNED_MS, `${worst('tookMs').toFixed(0)} ms`, `≤ ${ASSIGNED_MS} ms`)
printTarget(
  'main blocked',
  worst('blockedMs') <= BLOCKED_MS,
  `${worst('blockedMs').toFixed(1)} ms`,
  `≤ ${BLOCKED_MS} ms`,
)
