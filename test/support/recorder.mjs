// Plain JavaScript, so that worker threads load it without compiling; the types are in recorder.d.mts.
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
 *   E <id> <ms>                                                                  it came to its end
 *   F <id> <ms>                                                                  it failed
 *
 * The clock is the machine's monotonic one, which all processes share.
 */
const nowMs = () => Number(process.hrtime.bigint()) / 1e6

export const openRecorder = (dir) => {
  let file
  let lastId = 0
  const write = (line) => {
    // Not opened earlier: a spare thread that never handles anything leaves no file.
    if (file === undefined) {
      mkdirSync(dir, { recursive: true })
      file = openSync(join(dir, `${process.pid}-${threadId}-${randomBytes(4).toString('hex')}.record`), 'a')
    }
    writeSync(file, `${line}\n`)
  }
  return {
    start({ topic, partition, offset }, { slot, incarnation, attempt }) {
      lastId += 1
      write(`S ${lastId} ${nowMs()} ${topic} ${partition} ${offset} ${slot} ${incarnation} ${attempt}`)
      return lastId
    },
    end(id) {
      write(`E ${id} ${nowMs()}`)
    },
    fail(id) {
      write(`F ${id} ${nowMs()}`)
    },
    once(name, { topic, partition, offset }) {
      mkdirSync(dir, { recursive: true })
      try {
        writeFileSync(join(dir, `${name}-once.${topic}-${partition}-${offset}`), '', { flag: 'wx' })
        return true
      } catch (error) {
        if (error.code === 'EEXIST') return false
        throw error
      }
    },
  }
}

export const readRecord = (dir) => {
  const files = existsSync(dir) ? readdirSync(dir).filter((name) => name.endsWith('.record')) : []
  return files.flatMap((name) => readFile(join(dir, name), name)).sort((a, b) => a.startMs - b.startMs)
}

const readFile = (path, name) => {
  const [pid, thread] = name.split('-').map(Number)
  const handlings = new Map()
  // What stands after the last newline is a line that is being written, or that a killed process wrote in part.
  for (const line of readFileSync(path, 'utf8').split('\n').slice(0, -1)) {
    const [kind, id, ms, topic, ...numbers] = line.split(' ')
    const atMs = Number(ms)
    if (kind === 'S') {
      const [partition, offset, slot, incarnation, attempt] = numbers.map(Number)
      const where = { topic, partition, offset, pid, threadId: thread, slot, incarnation, attempt }
      handlings.set(id, { ...where, startMs: atMs, endMs: null, outcome: null })
    } else {
      const handling = handlings.get(id)
      if (handling === undefined || handling.endMs !== null)
        throw new Error(`${path}: "${line}" ends what did not start`)
      handlings.set(id, { ...handling, endMs: atMs, outcome: kind === 'E' ? 'finished' : 'failed' })
    }
  }
  return [...handlings.values()]
}
