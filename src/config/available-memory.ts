import { totalmem } from 'node:os'
import { memoryQuota } from './memory-quota.js'
import { readText } from './read-text.js'

/** Memory in bytes. */
export interface AvailableMemory {
  /** What the machine has, or what the container may take, if that is less. */
  readonly bytes: number
  /** Whether it is the container that limits it. */
  readonly isQuota: boolean
}

/** The memory that there is for this process, here and now. */
export const availableMemory = (): AvailableMemory => {
  const machine = totalmem()
  const quota = memoryQuota(readText, machine)
  return { bytes: quota ?? machine, isQuota: quota !== null }
}
