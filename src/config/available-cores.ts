import { availableParallelism } from 'node:os'
import { coresFor, cpuQuota } from './cpu-quota.js'
import { readText } from './read-text.js'

/** How many threads can compute at once, here and now: no more than the CPU quota of the container grants. */
export const availableCores = (): number => coresFor(availableParallelism(), cpuQuota(readText))
