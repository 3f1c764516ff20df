/** A fixed amount of work for the CPU: `iterations` rounds of an integer hash. No memory, no calls. */
export const burn = (iterations) => {
  let hash = 0x9e3779b9
  for (let i = 0; i < iterations; i++) hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) ^ i
  return hash
}

const timeMs = (iterations) => {
  const beganAt = performance.now()
  burn(iterations)
  return performance.now() - beganAt
}

/** How many iterations take a millisecond here, when nothing is in the way: the best of several tries. */
export const iterationsPerMs = () => {
  const sample = 2_000_000
  for (let i = 0; i < 5; i++) burn(sample)
  const bestMs = Math.min(...Array.from({ length: 20 }, () => timeMs(sample)))
  return Math.round(sample / bestMs)
}
