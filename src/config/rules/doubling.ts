/** The sum of `times` waits, the first of `firstMs`, each twice the one before and none over `longestMs`. */
export const sumOfDoubling = (firstMs: number, longestMs: number, times: number): number => {
  let sumMs = 0
  let waitMs = firstMs
  let left = times
  for (; left > 0 && waitMs > 0 && waitMs < longestMs; left--) {
    sumMs += waitMs
    waitMs *= 2
  }
  return left > 0 && waitMs > 0 ? sumMs + left * longestMs : sumMs
}

/** How many of such waits, one after the other, end before `untilMs`. */
export const countOfDoubling = (firstMs: number, longestMs: number, untilMs: number): number => {
  let count = 0
  let leftMs = untilMs
  let waitMs = firstMs
  for (; waitMs < longestMs && waitMs < leftMs; count++) {
    leftMs -= waitMs
    waitMs *= 2
  }
  return waitMs < longestMs ? count : count + Math.max(0, Math.ceil(leftMs / longestMs) - 1)
}
