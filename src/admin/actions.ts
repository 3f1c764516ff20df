import { STANDARD } from '../telemetry/levels.js'
import { type Answer, answer, refusal } from './answer.js'

/** What of a pool can be steered from outside. */
export interface Steerable {
  resume(topic: string, partition: number): boolean
  recycle(slot: number): boolean
  setLogLevel(level: string): void
}

/** A field of an order: what it has to be, and the value if it is that. */
interface Field<T> {
  readonly expects: string
  readonly read: (value: unknown) => T | undefined
}

/** What came of an order, in words. */
interface Outcome {
  readonly done: boolean
  readonly says: string
}

/** An order with the fields that it takes. */
interface Action<Input> {
  readonly takes: { readonly [Name in keyof Input]: Field<Input[Name]> }
  readonly act: (pool: Steerable, input: Input) => Outcome
}

const text: Field<string> = {
  expects: 'a text',
  read: (value) => (typeof value === 'string' && value !== '' ? value : undefined),
}

const number: Field<number> = {
  expects: 'a whole number from 0',
  read: (value) => (Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined),
}

const oneOf = (words: readonly string[]): Field<string> => ({
  expects: `one of ${words.join(', ')}`,
  read: (value) => words.find((word) => word === value),
})

const outcome = (done: boolean, yes: string, no: string): Outcome => ({ done, says: done ? yes : no })

const action = <Input>(takes: Action<Input>['takes'], act: Action<Input>['act']): Action<never> =>
  ({ takes, act }) as unknown as Action<never>

/** Every order by the path to which it is posted. */
export const ACTIONS: ReadonlyMap<string, Action<never>> = new Map([
  [
    '/resume',
    action({ topic: text, partition: number }, (pool, { topic, partition }) =>
      outcome(
        pool.resume(topic, partition),
        `${topic}-${partition} is tried again within a second`,
        `${topic}-${partition} does not stand still in this pool`,
      ),
    ),
  ],
  [
    '/recycle',
    action({ slot: number }, (pool, { slot }) =>
      outcome(
        pool.recycle(slot),
        `the thread of slot ${slot} is replaced as soon as it stands between two messages (slot:recycled)`,
        `there is no slot ${slot}, or no thread works there now`,
      ),
    ),
  ],
  [
    '/log-level',
    action({ level: oneOf([...STANDARD, 'silent']) }, (pool, { level }) => {
      pool.setLogLevel(level)
      return { done: true, says: `the level of the log is ${level}` }
    }),
  ],
])

const parse = (body: string): unknown => {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

/** The fields that an action takes, or what is wrong with them. */
const readInput = ({ takes }: Action<never>, body: string): Readonly<Record<string, unknown>> | string => {
  const fields = Object.entries<Field<unknown>>(takes)
  const expected = `expected ${fields.map(([name, { expects }]) => `"${name}" (${expects})`).join(' and ')}`
  const said = parse(body)
  if (typeof said !== 'object' || said === null || Array.isArray(said)) return `${expected} in an object of JSON`
  const unknown = Object.keys(said).find((name) => !Object.hasOwn(takes, name))
  if (unknown !== undefined) return `${expected}, got ${JSON.stringify(unknown.slice(0, 80))}, too`
  const read = fields.map(([name, field]) => [name, field.read((said as Record<string, unknown>)[name])] as const)
  return read.some(([, value]) => value === undefined) ? expected : Object.fromEntries(read)
}

/**
 * Carries an order out.
 *
 * @param onDone told what was ordered and what came of it
 */
export const carryOut = (
  pool: Steerable,
  path: string,
  body: string,
  onDone: (said: Readonly<Record<string, unknown>>) => void,
): Answer => {
  const ordered = ACTIONS.get(path)
  if (ordered === undefined) return refusal(404, 'there is no such order')
  const input = readInput(ordered, body)
  if (typeof input === 'string') return refusal(400, input)
  const said = { action: path.slice(1), ...input, ...ordered.act(pool, input as never) }
  onDone(said)
  return answer(said.done ? 200 : 409, said)
}
