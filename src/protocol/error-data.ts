import { inspect } from 'node:util'
import { ErrorCode, type ErrorContext, PoolError } from '../errors.js'

/** An error as plain data, small enough to cross a thread boundary and to be logged. */
export interface ErrorData {
  readonly name: string
  readonly message: string
  readonly stack?: string
  readonly code?: string
  readonly cause?: ErrorData
}

const MAX_TEXT = 8 * 1024
const MAX_CAUSES = 4

const clip = (text: string): string => (text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}… (cut)` : text)

const safely = (read: () => unknown): unknown => {
  try {
    return read()
  } catch {
    return undefined
  }
}

const isLikeAnError = (thrown: unknown): boolean =>
  thrown instanceof Error || (typeof thrown === 'object' && thrown !== null && 'message' in thrown)

/** Anything that was thrown, `null`, hostile getters and revoked proxies included, as {@link ErrorData}. Never throws. */
export const toErrorData = (thrown: unknown, depth = 0): ErrorData => {
  if (safely(() => isLikeAnError(thrown)) !== true) {
    return { name: 'Error', message: clip(`${String(safely(() => inspect(thrown, { depth: 1 })))} was thrown`) }
  }
  const error = thrown as Error & { code?: unknown }
  const name = safely(() => error.name)
  const message = safely(() => error.message)
  const stack = safely(() => error.stack)
  const code = safely(() => error.code)
  const cause = safely(() => error.cause)
  return {
    name: typeof name === 'string' ? clip(name) : 'Error',
    message: typeof message === 'string' ? clip(message) : '',
    ...(typeof stack === 'string' ? { stack: clip(stack) } : {}),
    ...(typeof code === 'string' || typeof code === 'number' ? { code: String(code) } : {}),
    ...(cause !== undefined && cause !== null && depth < MAX_CAUSES ? { cause: toErrorData(cause, depth + 1) } : {}),
  }
}

const isErrorCode = (code: string | undefined): code is ErrorCode =>
  code !== undefined && (Object.values(ErrorCode) as string[]).includes(code)

/** The way back: an `Error` (a {@link PoolError} when the code is one of ours) with the original stack. */
export const fromErrorData = (data: ErrorData, context: ErrorContext = {}): Error => {
  const cause = data.cause === undefined ? undefined : fromErrorData(data.cause)
  const error: Error & { code?: string } = isErrorCode(data.code)
    ? new PoolError(data.code, data.message, { ...context, cause })
    : new Error(data.message, cause === undefined ? undefined : { cause })
  if (!(error instanceof PoolError)) {
    error.name = data.name
    if (data.code !== undefined) error.code = data.code
  }
  if (data.stack !== undefined) error.stack = data.stack
  return error
}
