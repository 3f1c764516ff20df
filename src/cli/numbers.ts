const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })
const toOneDecimal = new Intl.NumberFormat('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 })

/** A whole number with commas: `1,234,567`. Takes decimal text too, for numbers beyond 2⁵³. */
export const formatCount = (count: number | string): string =>
  grouped.format(typeof count === 'string' ? BigInt(count) : count)

/** A number per second: with one decimal below ten (`0.4`), whole above. */
export const formatRate = (perSecond: number): string =>
  perSecond === 0 || perSecond >= 9.95 ? grouped.format(perSecond) : toOneDecimal.format(perSecond)
