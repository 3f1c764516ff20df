import { HIDDEN, isSecretPath, maskText } from '../config/mask-secrets.js'
import { toErrorData } from '../protocol/error-data.js'

/** What a request is answered with. */
export interface Answer {
  readonly status: number
  /** JSON, unless the headers say something else. */
  readonly body: string
  /** Beside those that every answer has. */
  readonly headers?: Readonly<Record<string, string>>
}

/** By name. What is answered has the names of status and events, of which there are few and which come by the thousand. */
const secretNames = new Map<string, boolean>()

const isSecretName = (name: string): boolean => {
  const known = secretNames.get(name)
  if (known !== undefined) return known
  const isSecret = isSecretPath(name)
  secretNames.set(name, isSecret)
  return isSecret
}

/** Whether a text may have in it what is masked: none of that goes without one of these signs. */
const mayTell = (text: string): boolean => text.includes('=') || text.includes('://') || text.includes('-----')

const shown = (name: string, value: unknown): unknown => {
  if (value instanceof Error) return toErrorData(value)
  if (isSecretName(name) && value !== null && value !== undefined) return HIDDEN
  return typeof value === 'string' && mayTell(value) ? maskText(value) : value
}

/** JSON in which errors are plain data and nothing is secret. */
export const toJson = (value: unknown): string => JSON.stringify(value, shown)

export const answer = (status: number, value: unknown): Answer => ({ status, body: toJson(value) })

/** What was wrong with the request, and what would have been right. */
export const refusal = (status: number, error: string, headers: Readonly<Record<string, string>> = {}): Answer => ({
  ...answer(status, { error }),
  headers,
})
