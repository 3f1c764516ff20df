import { readdirSync, readFileSync } from 'node:fs'

const environmentOf = (pid: string): string => {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1')
  } catch {
    return '' // gone meanwhile, or nobody's but its own
  }
}

/** Ids of all processes that were started with this in their environment, by whomever; none where the system does not say. */
export const processesWith = (name: string, value: string): number[] => {
  let all: string[] = []
  try {
    all = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))
  } catch {
    // not Linux
  }
  return all.filter((pid) => environmentOf(pid).split('\0').includes(`${name}=${value}`)).map(Number)
}

/** Sends a signal; nothing happens when there is no such process (any more). */
export const signal = (pid: number, name: NodeJS.Signals): void => {
  if (pid <= 0) return
  try {
    process.kill(pid, name)
  } catch {}
}
