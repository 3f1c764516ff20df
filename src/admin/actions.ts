import { STANDARD } from '../telemetry/levels.js'
import { type Field, type Fields, number, oneOf, partition, partitions, type Target, target, topic } from './fields.js'

/** What of a pool can be steered from outside. */
export interface Steerable {
  pause(topic: string, partitions?: number | readonly number[]): Promise<void>
  resume(topic: string, partitions?: number | readonly number[]): boolean
  seek(topic: string, partition: number, to: Target): Promise<string>
  scale(slots: number, options: { readonly subscription?: number }): Promise<void>
  recycle(slot: number): boolean
  setLogLevel(level: string): void
}

/** What came of an order, in words. */
export interface Outcome {
  readonly done: boolean
  readonly says: string
}

/** An order with the fields that it takes. */
export interface Action<Input> {
  readonly takes: Fields
  /** @throws what the pool rejects with */
  readonly act: (pool: Steerable, input: Input) => Outcome | Promise<Outcome>
  /** Of one that may take long: what is being done. */
  readonly underWay?: (input: Input) => string
}

type Read<F> = F extends Field<infer T> ? T : never

type InputOf<Needed, Optional> = { readonly [Name in keyof Needed]: Read<Needed[Name]> } & {
  readonly [Name in keyof Optional]?: Read<Optional[Name]>
}

const action = <Needed extends Fields['needed'], Optional extends NonNullable<Fields['optional']>>(
  takes: { readonly needed: Needed; readonly optional?: Optional },
  act: Action<InputOf<Needed, Optional>>['act'],
  underWay?: (input: InputOf<Needed, Optional>) => string,
): Action<never> => ({ takes, act, ...(underWay && { underWay }) }) as Action<never>

const outcome = (done: boolean, yes: string, no: string): Outcome => ({ done, says: done ? yes : no })
const done = (says: string): Outcome => ({ done: true, says })

const choosing = { needed: { topic }, optional: { partition, partitions } }

type Choice = InputOf<(typeof choosing)['needed'], (typeof choosing)['optional']>

const chosen = ({ partition: one, partitions: several }: Choice): number | readonly number[] | undefined =>
  one ?? several

const named = (choice: Choice): string => {
  const numbers = [chosen(choice) ?? []].flat()
  if (numbers.length === 1) return `${choice.topic}-${numbers[0]}`
  return numbers.length === 0 ? `all of ${choice.topic}` : `${numbers.length} partitions of ${choice.topic}`
}

/** Every order by the path to which it is posted. */
export const ACTIONS: ReadonlyMap<string, Action<never>> = new Map([
  [
    '/pause',
    action(
      choosing,
      async (pool, choice) => {
        await pool.pause(choice.topic, chosen(choice))
        return done(`${named(choice)}: paused, and no handler has a message of it in this pool`)
      },
      (choice) => `${named(choice)}: no message begins any more, and the handlers that have one are waited for`,
    ),
  ],
  [
    '/resume',
    action(choosing, (pool, choice) =>
      outcome(
        pool.resume(choice.topic, chosen(choice)),
        `${named(choice)}: on again, within a second`,
        `${named(choice)}: nothing of it is paused or stands still in this pool`,
      ),
    ),
  ],
  [
    '/seek',
    action(
      { needed: { topic, partition, to: target } },
      async (pool, { topic, partition: which, to }) => {
        const offset = await pool.seek(topic, which, to)
        return done(`${topic}-${which} goes on at offset ${offset}, which the group has stored`)
      },
      ({ topic, partition: which }) => `${topic}-${which}: its new position is looked for and stored`,
    ),
  ],
  [
    '/scale',
    action(
      { needed: { slots: number }, optional: { subscription: number } },
      async (pool, { slots, ...which }) => {
        await pool.scale(slots, which)
        return done(
          `${slots} slots were asked for, and slots were added or removed; the status says how many there are`,
        )
      },
      ({ slots }) => `slots come or go until there are ${slots}`,
    ),
  ],
  [
    '/recycle',
    action({ needed: { slot: number } }, (pool, { slot }) =>
      outcome(
        pool.recycle(slot),
        `the thread of slot ${slot} is replaced as soon as it stands between two messages (slot:recycled)`,
        `there is no slot ${slot}, or no thread works there now`,
      ),
    ),
  ],
  [
    '/log-level',
    action({ needed: { level: oneOf([...STANDARD, 'silent']) } }, (pool, { level }) => {
      pool.setLogLevel(level)
      return done(`the level of the log is ${level}`)
    }),
  ],
])
