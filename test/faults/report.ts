import type { Played } from './round.js'

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0

/** For each fault, alone or together with another: how often, how long until everything worked again, what it cost. */
export const table = (played: readonly Played[]): string => {
  const names = [...new Set(played.flatMap(({ name }) => name.split(' + ')))].sort()
  const rows = names.map((name) => {
    const own = played.filter((each) => each.name.split(' + ').includes(name))
    const times = own.map(({ recoveredMs }) => recoveredMs)
    const sum = (key: 'repeated' | 'rebalances') => own.reduce((total, each) => total + each[key], 0)
    return [
      name,
      own.length,
      Math.round(median(times)),
      Math.round(Math.max(...times)),
      sum('repeated'),
      sum('rebalances'),
    ]
  })
  const all = [['fault', 'times', 'works again ms: median', 'worst', 'repeated', 'rebalances'], ...rows]
  const widths = [0, 1, 2, 3, 4, 5].map((column) => Math.max(...all.map((row) => String(row[column]).length)))
  return all
    .map((row) =>
      row
        .map((cell, n) => (n === 0 ? String(cell).padEnd(widths[n] ?? 0) : String(cell).padStart(widths[n] ?? 0)))
        .join('  '),
    )
    .join('\n')
}
