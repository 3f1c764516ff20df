import { totalmem } from 'node:os'
import { memoryQuota } from './memory-quota.js'
import { readText } from './read-text.js'

/** The memory in bytes that there is for this process, here and now: no more than the container may take. */
export const availableMemory = (): number => {
  const machine = totalmem()
  return memoryQuota(readText, machine) ?? machine
}
