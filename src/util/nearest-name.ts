/** Letters and digits only, so that `session_timeout_ms`, `session.timeout.ms` and `sessionTimeoutMs` are close. */
const essence = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '')

/** Edit distance in which two neighbouring letters that changed places count as one edit (optimal string alignment). */
const editDistance = (a: string, b: string): number => {
  let beforePrevious: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      let least = Math.min(replaced, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, (beforePrevious[j - 2] ?? 0) + 1)
      }
      row.push(least)
    }
    beforePrevious = previous
    previous = row
  }
  return previous[b.length] ?? 0
}

/** Of the known names the one that was probably meant, or `undefined` when none is near. */
export const nearestName = (name: string, known: Iterable<string>): string | undefined => {
  const wanted = essence(name)
  // Longer than any name there is: not a slip of the finger, and not worth the time.
  if (wanted.length === 0 || wanted.length > 80) return undefined
  let best: { name: string; distance: number } | undefined
  for (const candidate of known) {
    const distance = editDistance(wanted, essence(candidate))
    const allowed = Math.max(1, Math.floor(Math.max(wanted.length, essence(candidate).length) / 3))
    if (distance <= allowed && (best === undefined || distance < best.distance)) best = { name: candidate, distance }
  }
  return best?.name
}
