import { groupBy } from '#src/util/group-by.js'
import type { Episodes } from './episodes.js'
import { type Evidence, type Violation, violation } from './evidence.js'

/**
 * How many lines a process may write at a level that somebody is to read because of one fault: whatever is wrong for long
 * is said when it begins, now and then, and when it is over. Two faults that hit both slots take about ten.
 */
export const MOST_LINES = 60

/** Nobody reads a thousand lines at night. */
export const readable = ({ warnings }: Evidence, episodes: Episodes): Violation[] => {
  const written = groupBy(warnings, ({ member, pid, atMs }) => `${member} (${pid})/${episodes.indexAt(atMs)}`)
  return [...written.values()].flatMap((lines) => {
    const [first] = lines
    if (first === undefined || lines.length <= MOST_LINES) return []
    const { member, pid, atMs } = first
    const samples = [...new Set(lines.map(({ words }) => words))].slice(0, 5).join('; ')
    const what = `${member} (${pid}) has written ${lines.length} warnings because of ${episodes.at(atMs).name}: ${samples}`
    return [violation('the log is readable', what, atMs)]
  })
}
