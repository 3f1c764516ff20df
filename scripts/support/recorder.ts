import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { threadId } from 'node:worker_threads'

/*
 * One file for each thread and process, one line for each event, written whole and at once, so that nothing is lost
 * when the thread dies in the next moment:
 *
 *   S <id> <ms> <topic> <partition> <offset> <slot> <incarnation> <attempt>     a handling starts
 *   E <id> <ms> <result>                                                         it came to its end
 *   F <id> <ms>                                                                  it failed
 *
 * The clock is the machine's monotonic one, which all processes share.
 */
/** Milliseconds of that clock. */
export const machineMs = (): number => Number(process.hrtime.bigint()) / 1e6

/** One call of a handler with one message. */
export interface Handling {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly pid: number
  /** Of the process that had started this one: the pool's, when its threads have processes of their own. */
  readonly ppid: number
  readonly threadId: number
  readonly slot: number
  readonly incarnation: number
  /** 1 for the first try. */
  readonly attempt: number
  /** Milliseconds of the machine's monotonic clock, the same in all threads and processes. */
  readonly startMs: number
  /** Null when the thread died before the handler came back. */
  readonly endMs: number | null
  /** `failed`: the handler threw or rejected. */
  readonly outcome: 'finished' | 'failed' | null
  /** What the handler noted in the end. */
  readonly result?: number
}

interface RecordedMessage {
  readonly topic: string
  readonly partition: number
  /** KafkaJS's string, or a number. */
  readonly offset: string | number
}

interface RecordedCall {
  readonly slot: number
  readonly incarnation: number
  readonly attempt: number
}

export interface Recorder {
  /** Notes that a handling begins. @returns its number, for `end` or `fail` */
  start(message: RecordedMessage, call: RecordedCall): number
  /** @param result a number to note with it, such as the size of what came out */
  end(id: number, result?: number): void
  fail(id: number): void
  /** True the first time that it is asked for this name and message, by any thread or process; false ever after. */
  once(name: string, message: RecordedMessage): boolean
}

/** @param dir folder of the record, made when it is not there; for all threads and processes of one test */
export const openRecorder = (dir: string): Recorder => {
  let file: number | undefined
  let lastId = 0
  const { ppid } = process // somebody else's when it is gone
  const write = (line: string): void => {
    // Not opened earlier: a spare thread that never handles anything leaves no file.
    if (file === undefined) {
      mkdirSync(dir, { recursive: true })
      file = openSync(join(dir, `${process.pid}-${ppid}-${threadId}-${randomBytes(4).toString('hex')}.record`), 'a')
    }
    writeSync(file, `${line}\n`)
  }
  return {
    start({ topic, partition, offset }, { slot, incarnation, attempt }) {
      lastId += 1
      write(`S ${lastId} ${machineMs()} ${topic} ${partition} ${offset} ${slot} ${incarnation} ${attempt}`)
      return lastId
    },
    end(id, result = 0) {
      write(`E ${id} ${machineMs()} ${result}`)
    },
    fail(id) {
      write(`F ${id} ${machineMs()}`)
    },
    once(name, { topic, partition, offset }) {
      mkdirSync(dir, { recursive: true })
      try {
        writeFileSync(join(dir, `${name}-once.${topic}-${partition}-${offset}`), '', { flag: 'wx' })
        return true
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
        throw error
      }
    },
  }
}

/** Everything recorded so far, by start. The threads may be writing meanwhile. A folder that is not there is empty. */
export const readRecord = (dir: string): Handling[] => {
  const files = existsSync(dir) ? readdirSync(dir).filter((name) => name.endsWith('.record')) : []
  return files.flatMap((name) => readFile(join(dir, name), name)).sort((a, b) => a.startMs - b.startMs)
}

const readFile = (path: string, name: string): Handling[] => {
  const [pid = 0, ppid = 0, thread = 0] = name.split('-').map(Number)
  const handlings = new Map<string, Handling>()
  // What stands after the last newline is a line that is being written, or that a killed process wrote in part.
  for (const line of readFileSync(path, 'utf8').split('\n').slice(0, -1)) {
    const [kind, id = '', ms, word = '', ...numbers] = line.split(' ')
    const atMs = Number(ms)
    if (kind === 'S') {
      const [partition = 0, offset = 0, slot = 0, incarnation = 0, attempt = 0] = numbers.map(Number)
      const where = { topic: word, partition, offset, pid, ppid, threadId: thread, slot, incarnation, attempt }
      handlings.set(id, { ...where, startMs: atMs, endMs: null, outcome: null })
    } else {
      const handling = handlings.get(id)
      if (handling === undefined || handling.endMs !== null)
        throw new Error(`${path}: "${line}" ends what did not start`)
      const end =
        kind === 'E' ? ({ outcome: 'finished', result: Number(word) } as const) : ({ outcome: 'failed' } as const)
      handlings.set(id, { ...handling, endMs: atMs, ...end })
    }
  }
  return [...handlings.values()]
}
