import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { coresFor, cpuQuota } from './cpu-quota.js'

const readText = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

/** How many threads can compute at once, here and now: no more than the CPU quota of the container grants. */
export const availableCores = (): number => coresFor(availableParallelism(), cpuQuota(readText))
