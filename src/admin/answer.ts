import { HIDDEN, isSecretPath, maskText } from '../config/mask-secrets.js'
import { toErrorData } from '../protocol/error-data.js'

/** What a request is answered with. */
export interface Answer {
  readonly status: number
  /** JSON. */
  readonly body: string
  /** Beside those that every answer has. */
  readonly headers?: Readonly<Record<string, string>>
}

const shown = (name: string, value: unknown): unknown => {
  if (value instanceof Error) return toErrorData(value)
  if (typeof value === 'string') return isSecretPath(name) ? HIDDEN : maskText(value)
  return value
}

/** JSON in which errors are plain data and nothing is secret. */
export const toJson = (value: unknown): string => JSON.stringify(value, shown)

export const answer = (status: number, value: unknown): Answer => ({ status, body: toJson(value) })

/** What was wrong with the request, and what would have been right. */
export const refusal = (status: number, error: string, headers: Readonly<Record<string, string>> = {}): Answer => ({
  ...answer(status, { error }),
  headers,
})
