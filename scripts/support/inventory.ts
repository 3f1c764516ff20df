import type { EventEmitter } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'

/** Everything of a process that could leak. Threads, sockets and descriptors are known on Linux only, and 0 elsewhere. */
export interface Inventory {
  readonly rss: number
  readonly heap: number
  readonly external: number
  readonly threads: number
  readonly sockets: number
  readonly descriptors: number
  readonly ports: number
  readonly timers: number
  readonly listeners: number
}

const listDir = (path: string): string[] => {
  try {
    return readdirSync(path)
  } catch {
    return [] // not Linux
  }
}

const linkOf = (fd: string): string => {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return '' // closed meanwhile
  }
}

/** @param emitters whose listeners are counted, beside those of the process */
export const takeInventory = (...emitters: readonly EventEmitter[]): Inventory => {
  const resources = process.getActiveResourcesInfo()
  const descriptors = listDir('/proc/self/fd').map(linkOf)
  const { rss, heapUsed, external } = process.memoryUsage()
  return {
    rss,
    heap: heapUsed,
    external,
    threads: listDir('/proc/self/task').length,
    sockets: descriptors.filter((link) => link.startsWith('socket:')).length,
    descriptors: descriptors.length,
    ports: resources.filter((name) => name === 'MessagePort').length,
    timers: resources.filter((name) => name === 'Timeout').length,
    listeners: [process, ...emitters].reduce(
      (sum, emitter) => sum + emitter.eventNames().reduce((own, name) => own + emitter.listenerCount(name), 0),
      0,
    ),
  }
}

/**
 * The same after garbage was collected and what died has been given back: memory counts only then. For a process that runs
 * with `--expose-gc`.
 */
export const takeSettledInventory = async (...emitters: readonly EventEmitter[]): Promise<Inventory> => {
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.()
    await sleep(500)
  }
  return takeInventory(...emitters)
}
