export const median = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** The value below which the share `p` (0 to 1) of them lies. */
export const percentile = (numbers, p) => {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))]
}

/** Three significant digits, thousands separated. */
export const round = (value) => {
  if (!Number.isFinite(value)) return String(value)
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return value.toLocaleString('en-US', { maximumFractionDigits: digits })
}

/** Prints rows of an aligned table; the first is the head, the first column is left-aligned. */
export const printTable = (rows) => {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === 'number' ? round(cell) : String(cell))))
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)))
  const line = (row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join('  ')
  const [head, ...body] = cells
  console.log([line(head), widths.map((width) => '─'.repeat(width)).join('──'), ...body.map(line)].join('\n'))
}

/** A line that compares a figure with its target. */
export const printTarget = (what, reached, figure, target) => {
  console.log(`${reached ? 'reached' : 'MISSED '}  ${what}: ${figure} (target ${target})`)
  if (!reached) process.exitCode = 1
}
