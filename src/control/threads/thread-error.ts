import { ErrorCode, PoolError } from '../../errors.js'
import { type ErrorData, fromErrorData, toErrorData } from '../../protocol/error-data.js'
import type { SlotTask } from '../../protocol/messages.js'
import { unreachable } from '../../util/unreachable.js'

/** Whose thread it was. */
export type ThreadIdentity = Pick<SlotTask, 'slot' | 'incarnation' | 'clientId'>

/** By what a thread showed that it is, or will be, no more. */
export type DeathSign =
  /** Something was thrown, or rejected, that nobody caught: the worker's `error` event. */
  | { readonly type: 'threw'; readonly thrown: unknown }
  /** There never was a thread: what `new Worker` threw. */
  | { readonly type: 'unborn'; readonly reason: unknown }
  /** The worker's `exit` event with no `error` before it. */
  | { readonly type: 'exited'; readonly exitCode: number }
  /** The same of a process that a signal ended. */
  | { readonly type: 'killed'; readonly signal: NodeJS.Signals; readonly outOfMemory: boolean }
  /** It did not come to the end of its boot. */
  | { readonly type: 'hung'; readonly afterMs: number; readonly modules: readonly string[] }
  /** The thread lives, but its entry gave up: what Piscina's `run` rejected with. */
  | { readonly type: 'gave-up'; readonly reason: unknown }
  /** The thread lives, but its entry came back although nobody had asked it to. */
  | { readonly type: 'returned'; readonly value: unknown }

/** What the `exit` event of a worker has: exit code, signal, and whether the process said that it ran out of memory. */
export type EndOfWorker = readonly [exitCode: number | null, signal?: NodeJS.Signals | null, outOfMemory?: boolean]

export const endSign = (...[exitCode, signal, outOfMemory = false]: EndOfWorker): DeathSign =>
  signal ? { type: 'killed', signal, outOfMemory } : { type: 'exited', exitCode: exitCode ?? 1 }

/** The crash of a thread as the error that its slot reports. */
export const threadError = (who: ThreadIdentity, sign: DeathSign): PoolError => {
  const { slot } = who
  const thread = `slot ${slot}: the thread (incarnation ${who.incarnation}, client id ${who.clientId})`
  switch (sign.type) {
    case 'threw': {
      const cause = asError(sign.thrown)
      if (codeOf(cause) === 'ERR_WORKER_INIT_FAILED') return unbornError(cause, { slot })
      if (codeOf(cause) === 'ERR_WORKER_OUT_OF_MEMORY') {
        return new PoolError(ErrorCode.threadOutOfMemory, `${thread} ran out of memory. ${MEMORY_ADVICE}`, {
          slot,
          cause,
        })
      }
      const advice = 'Await every promise and listen to the error event of every emitter'
      const what = `threw where nobody could catch it: ${cause.name}: ${cause.message}`
      return new PoolError(ErrorCode.threadCrashed, `${thread} ${what}. ${advice}`, { slot, cause })
    }
    case 'unborn':
      return unbornError(sign.reason, { slot })
    case 'hung':
      return hungError(sign, { slot })
    case 'exited': {
      const what = `ended with exit code ${sign.exitCode}; most likely the handler, or something it uses, called process.exit()`
      return new PoolError(ErrorCode.threadExited, `${thread} ${what}. Throw an error instead`, { slot })
    }
    case 'killed': {
      const code = sign.outOfMemory ? ErrorCode.threadOutOfMemory : ErrorCode.threadCrashed
      return new PoolError(code, `${thread} ended with its process, ${killedBy(sign)}`, { slot })
    }
    case 'gave-up': {
      const told = errorDataOf(sign.reason)
      const cause = told === null ? asError(sign.reason) : fromErrorData(told, { slot })
      if (cause instanceof PoolError) return cause
      return new PoolError(ErrorCode.threadCrashed, `${thread} gave up: ${cause.name}: ${cause.message}`, {
        slot,
        cause,
      })
    }
    case 'returned': {
      const what = `came back with ${toErrorData(sign.value).message} although nobody had asked it to stop`
      return new PoolError(ErrorCode.threadCrashed, `${thread} ${what}`, { slot })
    }
    default:
      return unreachable(sign)
  }
}

/** The death of a thread that filled no slot. @param booted whether it had loaded the handler modules */
export const spareError = (sign: DeathSign, booted: boolean): PoolError => {
  if (sign.type === 'unborn') return unbornError(sign.reason)
  if (sign.type === 'hung') return hungError(sign)
  const how =
    sign.type === 'exited'
      ? ` with exit code ${sign.exitCode}`
      : sign.type === 'killed'
        ? ` with its process (${sign.signal})`
        : ''
  const when = booted ? 'while it waited for a slot' : 'while it loaded the handler modules'
  const message = `a thread died${how} ${when}. Look at what the handler module does when it is imported`
  return new PoolError(ErrorCode.threadCrashed, message, sign.type === 'threw' ? { cause: asError(sign.thrown) } : {})
}

/**
 * Whether this is what V8 writes to stderr before it aborts for want of memory. The last is of an array that has grown beyond
 * what V8 can make, whatever the limits.
 */
export const saysOutOfMemory = (text: string): boolean =>
  /FATAL ERROR: .*out of memory|Fatal (process|JavaScript) out of memory|Fatal JavaScript invalid size/i.test(text)

const MEMORY_ADVICE = 'Look for what the handler keeps, or raise resourceLimits.maxOldGenerationSizeMb'

const killedBy = ({ signal, outOfMemory }: Extract<DeathSign, { type: 'killed' }>): string => {
  if (outOfMemory) return `which V8 aborted because it ran out of memory (${signal}). ${MEMORY_ADVICE}`
  switch (signal) {
    case 'SIGKILL':
      return 'which was killed by SIGKILL from outside the pool. If nobody did, the system was out of memory: its log says so (dmesg), or the events of the container. Give it more memory, or lower workers'
    case 'SIGABRT':
      return 'which aborted (SIGABRT): native code that the handler uses, or V8, for a reason that it wrote to stderr'
    case 'SIGSEGV':
    case 'SIGBUS':
    case 'SIGILL':
    case 'SIGFPE':
    case 'SIGTRAP':
      return `which was ended by ${signal}: most likely a fault in a native addon that the handler uses`
    default:
      return `which was ended by ${signal}`
  }
}

const unbornError = (reason: unknown, context: { readonly slot?: number } = {}): PoolError => {
  const cause = asError(reason)
  const what = `the operating system gave no thread: ${cause.message}`
  const advice =
    'Raise the limit of processes and threads (ulimit -u, pids of the container) or the memory, or lower workers'
  const whose = context.slot === undefined ? '' : `slot ${context.slot}: `
  return new PoolError(ErrorCode.threadNotStarted, `${whose}${what}. ${advice}`, { ...context, cause })
}

const hungError = (
  { afterMs, modules }: Extract<DeathSign, { type: 'hung' }>,
  context: { readonly slot?: number } = {},
): PoolError => {
  const whose = context.slot === undefined ? '' : `slot ${context.slot}: `
  const what = `the thread had not booted after ${afterMs / 1_000} s`
  const advice = `Look whether ${modules.join(' or ')} blocks while it is imported, or raise loadTimeoutMs`
  return new PoolError(ErrorCode.startTimedOut, `${whose}${what}. ${advice}`, context)
}

const codeOf = (error: Error): unknown => (error as { readonly code?: unknown }).code

const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : fromErrorData(toErrorData(thrown)))

/** An `Error` that crosses the thread boundary loses its `code`; so a thread sends a record, bare or as the `cause`. */
const errorDataOf = (reason: unknown): ErrorData | null => {
  const record: unknown = reason instanceof Error ? reason.cause : reason
  if (typeof record !== 'object' || record === null || record instanceof Error) return null
  const { name, message } = record as Partial<ErrorData>
  return typeof name === 'string' && typeof message === 'string' ? (record as ErrorData) : null
}
