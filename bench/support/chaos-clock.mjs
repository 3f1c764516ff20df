/**
 * From the machine's monotonic clock, which all of ours write down, to that on the wall, which other clients do, and which is slewed
 * and set meanwhile. The order is kept unless that one is set back.
 *
 * @param samples of both, oldest first: { machineMs, wallMs }
 */
export const wallClock = (samples) => {
  const kept = samples.filter((one, at) => at === 0 || one.machineMs > samples[at - 1].machineMs)
  const [first] = kept
  return (machineMs) => {
    let [low, high] = [0, kept.length - 1]
    if (machineMs <= first.machineMs) return first.wallMs + machineMs - first.machineMs
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (kept[middle].machineMs <= machineMs) low = middle
      else high = middle - 1
    }
    const [before, after] = [kept[low], kept[low + 1]]
    if (after === undefined) return before.wallMs + machineMs - before.machineMs
    const share = (machineMs - before.machineMs) / (after.machineMs - before.machineMs)
    return before.wallMs + share * (after.wallMs - before.wallMs)
  }
}
