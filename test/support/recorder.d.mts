/** One call of a handler with one message. */
export interface Handling {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly pid: number
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
  end(id: number): void
  fail(id: number): void
  /** True the first time that it is asked for this name and message, by any thread or process; false ever after. */
  once(name: string, message: RecordedMessage): boolean
}

/** @param dir folder of the record, made when it is not there; for all threads and processes of one test */
export declare const openRecorder: (dir: string) => Recorder

/** Everything recorded so far, by start. The threads may be writing meanwhile. A folder that is not there is empty. */
export declare const readRecord: (dir: string) => Handling[]
