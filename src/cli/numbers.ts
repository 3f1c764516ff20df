const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })
const toOneDecimal = new Intl.NumberFormat('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 })

/** A whole number with commas: `1,234,567`. Takes decimal text too, for numbers beyond 2⁵³. */
export const formatCount = (count: number | string): string =>
  grouped.format(typeof count === 'string' ? BigInt(count) : count)

/** A number per second: with one decimal below ten (`0.4`), whole above. */
export const formatRate = (perSecond: number): string =>
  perSecond === 0 || perSecond >= 9.95 ? grouped.format(perSecond) : toOneDecimal.format(perSecond)

/** A time for people: `17 ms`, `4.2 s`, `3 min 5 s`, `2 h 0 min`. */
export const formatDuration = (ms: number): string => {
  if (ms < 999.5) return `${Math.round(ms)} ms`
  if (ms < 59_950) return `${toOneDecimal.format(ms / 1_000)} s`
  const seconds = Math.round(ms / 1_000)
  const minutes = Math.floor(seconds / 60)
  return minutes < 60
    ? `${minutes} min ${seconds % 60} s`
    : `${grouped.format(Math.floor(minutes / 60))} h ${minutes % 60} min`
}
