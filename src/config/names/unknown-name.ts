import { nearestName } from '../../util/nearest-name.js'
import { leaves, namesAt } from '../schema/leaves.js'
import { essence, foreignName, withoutPrefix } from './foreign-names.js'
import { dottedNames, dottedProperty } from './property-names.js'
import { refusal, refusedNames } from './refused-names.js'

/** Where the names of each section stand. */
const PLACES = {
  kafka: 'in kafka',
  consumer: 'in consumer',
  processing: 'beside topics and handler (or at the top, for all subscriptions)',
  pool: 'at the top, for the whole pool',
} as const

const OWN_PLACES: ReadonlyMap<string, string> = new Map([
  ...['topics', 'handler', 'workers'].map((name) => [name, 'in a subscription (or at the top)'] as const),
  ...['subscriptions', 'perSlot', 'logger'].map((name) => [name, 'at the top'] as const),
])

/** Where a name belongs that is an option, though not of the object at hand. */
const homeOf = (name: string): string | undefined => {
  const property = dottedProperty(name)
  if (property !== undefined) return property.leaves[0]?.startsWith('kafka.') ? PLACES.kafka : PLACES.consumer
  const section = (Object.keys(PLACES) as (keyof typeof PLACES)[]).find((each) => namesAt(each).includes(name))
  return section === undefined ? OWN_PLACES.get(name) : PLACES[section]
}

/** The name that is written with the same letters, though not in the same way: `max-poll-records`, `groupID`. */
const sameLetters = (name: string, names: Iterable<string>): string | undefined => {
  const wanted = essence(withoutPrefix(name))
  return [...names].find((known) => essence(known) === wanted)
}

/** Why a name of Kafka or KafkaJS cannot be honoured, however it is written. */
const refusalOfAny = (name: string, prefix: string): string | undefined => {
  const refused = sameLetters(name, refusedNames.keys())
  return refusal(withoutPrefix(name), prefix) ?? (refused === undefined ? undefined : refusal(refused, prefix))
}

/** Where a name stands that is a part of another option: `restart.maxRestarts`. */
const partOf = (name: string): string | undefined => {
  const paths = [...leaves.keys()].map((path) => path.replace(/^(?:processing|pool)\./, ''))
  const found = paths.filter((path) => name !== 'enabled' && path.endsWith(`.${name}`))
  return found.length === 0 ? undefined : found.join(' or ')
}

/**
 * What to say of a name that is none of the known ones.
 *
 * @param prefix path of the object in which it stands
 * @param known the names that may stand there
 */
export const nameAdvice = (name: string, prefix: string, known: readonly string[]): string => {
  const foreign = foreignName(name)
  if (foreign !== undefined) return `unknown name: ${foreign}`
  const same = sameLetters(name, known)
  if (same !== undefined) return `unknown name. Did you mean "${same}"?`
  const reason = refusalOfAny(name, prefix)
  if (reason !== undefined) return `cannot be honoured: ${reason}`
  const dotted = sameLetters(name, dottedNames)
  if (dotted !== undefined) return `does not belong here but ${homeOf(dotted)}, as "${dotted}"`
  const part = partOf(name)
  if (part !== undefined) return `unknown name: that is ${part} here`
  const near = nearestName(name, known)
  return near === undefined ? 'unknown name. docs/configuration.md lists all' : `unknown name. Did you mean "${near}"?`
}

const explain = (name: string, prefix: string, known: readonly string[]): string => {
  const reason = refusal(name, prefix)
  if (reason !== undefined) return `cannot be honoured: ${reason}`
  // There are two objects of that name.
  const isOther = prefix === 'kafka.retry' && namesAt('processing.retry').includes(name)
  const home = isOther ? `in retry, ${PLACES.processing}` : homeOf(name)
  return home === undefined ? nameAdvice(name, prefix, known) : `does not belong here but ${home}`
}

/** What to say of a name that is none of the names beside `kafka` and `consumer`, which are given. */
export const unknownOption = (name: string, known: readonly string[]): string => explain(name, '', known)

/**
 * What to say of a name that is no option of the object at `prefix` (`kafka`, `kafka.ssl`, …): why it cannot be one,
 * where it does belong, or what was probably meant.
 */
export const unknownName = (name: string, prefix: string): string => {
  const own = namesAt(prefix).filter((known) => known !== 'enabled')
  const dotted = prefix === 'kafka' || prefix === 'consumer' ? dottedNames : []
  return explain(name, prefix, [...own, ...dotted])
}
