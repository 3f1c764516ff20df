import { ErrorCode, type PoolError } from '../errors.js'

const CODES: readonly string[] = [
  ErrorCode.handlerNotFound,
  ErrorCode.handlerThrewOnImport,
  ErrorCode.handlerNotAFunction,
  ErrorCode.handlerSetupFailed,
  ErrorCode.moduleNotUsable,
  ErrorCode.startTimedOut,
  ErrorCode.threadNotStarted,
]

/** Whether a start fails with that at once: the next thread would not do better. */
export const failsTheStart = ({ code }: PoolError): boolean => CODES.includes(code)
