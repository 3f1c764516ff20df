import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'

/** A process, so that it is not taken for another one that has its number later. */
export interface Owner {
  readonly host: string
  readonly pid: number
  /** When it began, in the clock of its machine; null where nobody says. */
  readonly born: string | null
}

/** Fields 3 and 22 of /proc/…/stat, counted behind the name, which may hold anything. */
const [STATE_FIELD, BORN_FIELD] = [0, 19]

/** It is dead, and nobody has asked how it ended: for good where the first process of a container asks for no child of others. */
const DEAD = ['Z', 'X']

const bornOf = (pid: number): string | null => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return DEAD.includes(fields[STATE_FIELD] ?? '') ? null : (fields[BORN_FIELD] ?? null)
  } catch {
    return null
  }
}

const runs = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as { code?: unknown }).code === 'EPERM'
  }
}

/** This process. */
export const ownerOf = (pid = process.pid): Owner => ({ host: hostname(), pid, born: bornOf(pid) })

/** Whether it certainly runs no more. Of a process on another machine, or in another container, nobody knows. */
export const isGone = ({ host, pid, born }: Owner): boolean => {
  if (host !== hostname()) return false
  return !runs(pid) || bornOf(pid) !== born
}
