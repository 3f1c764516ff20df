/**
 * @returns a function that calls `look` at most once in a stretch of code that nothing else comes between: what it finds does
 * not grow old meanwhile
 */
export const onceAStretch = (look: () => void): (() => void) => {
  let isFresh = false
  return () => {
    if (isFresh) return
    isFresh = true
    queueMicrotask(() => {
      isFresh = false
    })
    look()
  }
}
