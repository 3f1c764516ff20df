import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { resolveConfig } from '#src/config/resolve.js'
import type { ResolvedConfig } from '#src/config/resolved.js'
import { type Leaf, leaves } from '#src/config/schema/leaves.js'
import type { ConfigError } from '#src/errors.js'
import { brokenPromises } from '../../../support/config/limits-model.js'

type Fields = Record<string, unknown>
/** Paths of leaves to values. */
type Values = Readonly<Record<string, unknown>>

const machine = { parallelism: 4, memoryBytes: 2 ** 32 }

const numbers = [...leaves.values()].filter(({ schema }) => schema instanceof z.ZodNumber)

/** A number that the option may have by itself: the edges of its range, its default, and what is near to that or far off. */
const valuesOf = ({ schema, initial }: Leaf): fc.Arbitrary<number> => {
  const { minValue, maxValue, format } = schema as z.ZodNumber
  const [min, max] = [minValue ?? 0, maxValue ?? 2 ** 31]
  const middle = typeof initial === 'number' ? initial : Math.sqrt(min * max)
  const inRange = (value: number) => {
    const whole = format === 'safeint' ? Math.round(value) : value
    return Math.min(Math.max(whole, min), max)
  }
  const near = fc.constantFrom(0.5, 1, 2, 4, 10, 0.1).map((factor) => inRange(middle * factor))
  const edge = fc.constantFrom(inRange(min), inRange(min + 1), inRange(max - 1), inRange(max))
  const far = fc.double({ min: 0, max: 1, noNaN: true }).map((at) => inRange((max / (min || 1)) ** at * (min || 1)))
  return fc.oneof({ weight: 3, arbitrary: near }, { weight: 1, arbitrary: edge }, { weight: 2, arbitrary: far })
}

/** Values for a few of the numbers; the others stay at their defaults. */
const someOf = (candidates: readonly Leaf[], maxLength: number): fc.Arbitrary<Values> =>
  fc
    .uniqueArray(fc.constantFrom(...candidates), { maxLength, selector: ({ path }) => path })
    .chain((chosen) => fc.record(Object.fromEntries(chosen.map((leaf) => [leaf.path, valuesOf(leaf)]))))

const choices: fc.Arbitrary<Values> = fc.record({
  'pool.recovery': fc.constantFrom('handover', 'rejoin'),
  'pool.leaveOnStop': fc.constantFrom('dynamic', 'always', 'never'),
  'processing.onExhausted': fc.constantFrom('pause', 'skip'),
  'processing.fromBeginning': fc.boolean(),
  'consumer.readUncommitted': fc.boolean(),
  'consumer.groupInstanceId': fc.constantFrom(undefined, 'pod', '{slot}'),
})

/** The options with a value at each path, as a user writes them. */
const written = (values: Values): Fields => {
  const options: Fields = {}
  for (const [path, value] of Object.entries(values)) {
    const names = path.replace(/^(?:processing|pool)\./, '').split('.')
    const last = names.pop() ?? ''
    let place = options
    for (const name of names) {
      place[name] ??= {}
      place = place[name] as Fields
    }
    place[last] = value
  }
  return options
}

const ofSlots = numbers.filter(({ section }) => section !== 'pool')

/** Options in three layers, as each of them may have them. */
const anyOptions = fc.record({
  workers: fc.integer({ min: 1, max: 6 }),
  shared: fc.tuple(someOf(numbers, 5), choices).map(([some, chosen]) => ({ ...chosen, ...some })),
  subscription: fc.oneof({ weight: 2, arbitrary: fc.constant<Values>({}) }, someOf(ofSlots, 2)),
  slot: fc.oneof({ weight: 3, arbitrary: fc.constant<Values>({}) }, someOf(ofSlots, 1)),
})

const isOfDeadLetters = (path: string): boolean => path.startsWith('processing.deadLetter.')

type Drawn = typeof anyOptions extends fc.Arbitrary<infer T> ? T : never

/** Of attempts that need not wait a million take no time; the model took each for a wait of `maxDelayMs`. */
const attemptsAtOnce: Drawn = {
  workers: 1,
  shared: { 'processing.retry.attempts': 999_999, 'processing.retry.initialDelayMs': 0 },
  subscription: {},
  slot: {},
}

const optionsOf = ({ workers, shared, subscription, slot }: Drawn): Fields => {
  const required = { 'kafka.brokers': ['a:1'], 'consumer.groupId': 'g' }
  const perSlot = written(slot)
  // A contradiction that is none of numbers, and has a test of its own.
  const hasDeadLetters = [shared, subscription, slot].some((values) => Object.keys(values).some(isOfDeadLetters))
  return {
    ...written({ ...required, ...shared, ...(hasDeadLetters && { 'processing.onExhausted': 'pause' }) }),
    workers,
    subscriptions: [{ topics: ['t'], handler: './h.js', ...written(subscription) }],
    perSlot: (number: number) => (number === 0 ? perSlot : undefined),
  }
}

const resolve = (options: Fields): { readonly config: ResolvedConfig } | { readonly refused: ConfigError } => {
  try {
    return { config: resolveConfig(options, machine) }
  } catch (error) {
    return { refused: error as ConfigError }
  }
}

/** What becomes of options; throws when they are accepted and contradict each other, or refused without a word. */
const judge = (drawn: Drawn): 'accepted' | 'refused' => {
  const found = resolve(optionsOf(drawn))
  if ('config' in found) {
    const names = Object.keys(drawn.shared)
    const namesPoolLimit = names.includes('pool.restart.maxPoolRestarts') || names.includes('pool.restart.windowMs')
    expect(brokenPromises(found.config, namesPoolLimit)).toEqual([])
    return 'accepted'
  }
  expect(found.refused).toMatchObject({ code: 'KCP_CONFIG_INVALID' })
  for (const { path, message } of found.refused.issues) {
    expect(path).not.toBe('')
    // Two options with their values, and what to do.
    expect(message).toMatch(/[a-z]\w+ \(\S+( \S+)?\).* [a-z.]*\w+ \(\S+( \S+)?\)/i)
    expect(message).toMatch(/\b(?:raise|lower)\b/i)
  }
  return 'refused'
}

const leafOf = (option: string): string =>
  numbers.find(({ path }) => path.slice(path.indexOf('.') + 1) === option)?.path ?? `none is called ${option}`

/** The changes that a sentence advises, each of them enough. */
const remediesIn = (sentence: string): Values[] => {
  const [, option = ''] = /^(\S+) \(/.exec(sentence) ?? []
  const [, relation, limit] = /must (not be above|be below) \S+ \((\d+) .*Lower it, or/.exec(sentence) ?? []
  const lowered = /Lower it to (\d+)/.exec(sentence)?.[1] ?? limit
  const raised = /[Rr]aise (\S+) to (\d+)/.exec(sentence)
  return [
    ...(lowered === undefined ? [] : [{ [leafOf(option)]: Number(lowered) - (relation === 'be below' ? 1 : 0) }]),
    ...(raised === null ? [] : [{ [leafOf(raised[1] ?? '')]: Number(raised[2]) }]),
  ]
}

/** The two options of a sentence. */
const pairIn = (sentence: string): string =>
  [...sentence.matchAll(/(\S+) \(\S+(?: \S+)?\)/g)].map(([, name]) => name).join()

describe('options of which each is allowed by itself', () => {
  test('contradict each other no more when one does what the sentence says', () => {
    let mended = 0
    fc.assert(
      fc.property(anyOptions, ({ workers, shared }) => {
        const drawn: Drawn = { workers, shared, subscription: {}, slot: {} }
        const found = resolve(optionsOf(drawn))
        for (const { message } of 'refused' in found ? found.refused.issues : []) {
          for (const remedy of remediesIn(message)) {
            const [[path = '', value] = []] = Object.entries(remedy)
            const { minValue, maxValue } = leaves.get(path)?.schema as z.ZodNumber
            if (Number(value) < (minValue ?? 0) || Number(value) > (maxValue ?? 0)) continue // the other way is left
            const after = resolve(optionsOf({ ...drawn, shared: { ...shared, ...remedy } }))
            const left = 'refused' in after ? after.refused.issues.map((issue) => pairIn(issue.message)) : []
            expect(left, message).not.toContain(pairIn(message))
            mended += 1
          }
        }
      }),
      { numRuns: 1_500 },
    )
    expect(mended).toBeGreaterThan(100)
  })

  test('hold every promise together, or are refused with a sentence that names both and the remedy', () => {
    const count = { accepted: 0, refused: 0 }
    fc.assert(
      fc.property(anyOptions, (drawn) => {
        count[judge(drawn)] += 1
      }),
      { numRuns: 1_500, examples: [[attemptsAtOnce]] },
    )
    // Neither may the rules refuse nearly everything, nor the draw never meet one.
    expect(count.accepted).toBeGreaterThan(300)
    expect(count.refused).toBeGreaterThan(100)
  })

  test.each(numbers.map((leaf) => [leaf.path, leaf] as const))('so it is for %s alone', (path, leaf) => {
    const alone = (value: unknown): Drawn => ({ workers: 3, shared: { [path]: value }, subscription: {}, slot: {} })
    fc.assert(
      fc.property(valuesOf(leaf), (value) => {
        judge(alone(value))
      }),
      { numRuns: 60 },
    )
  })
})
