import { type Leaf, leaves } from '../config/leaves.js'
import { dottedNames, dottedProperty } from '../config/property-names.js'
import { readList } from '../config/property-values.js'
import { refusal } from '../config/refused-names.js'
import { nearestName } from '../util/nearest-name.js'
import { UsageError } from './usage-error.js'

/** One option that the command line sets. */
export interface Setting {
  /** Where it stands in the options: `['consumer', 'session.timeout.ms']`, `['restart', 'maxRestarts']`. */
  readonly path: readonly [string, ...string[]]
  /** The leaves of the schema that it sets, under whatever name. */
  readonly leaves: readonly string[]
  readonly value: unknown
}

const SECTIONS = ['consumer', 'kafka', 'processing', 'pool'] as const

// `enabled` is how security.protocol and ssl: true are kept; nobody can write it.
const settable = [...leaves.values()].filter(({ path }) => !path.endsWith('.enabled'))

/** Without its section: what stands at the top of the options, or in `kafka` or `consumer`. */
const shortName = ({ path, section }: Leaf): string => path.slice(section.length + 1)

const findLeaf = (name: string): Leaf | undefined =>
  settable.find(({ path }) => path === name) ??
  SECTIONS.flatMap((section) => settable.filter((leaf) => leaf.section === section)).find(
    (leaf) => shortName(leaf) === name,
  )

/** In `kafka` and `consumer` text is read as what it stands for; beside them only the command line knows that it is text. */
const fromText = (leaf: Leaf, value: unknown): unknown => {
  if (typeof value !== 'string') return value
  if (leaf.kind === 'list') return readList(value)
  if (leaf.kind === 'boolean') return value === 'true' ? true : value === 'false' ? false : value
  return leaf.kind === 'number' && value.trim() !== '' && Number.isFinite(Number(value)) ? Number(value) : value
}

/** The setting of a leaf by its path: `leafSetting('consumer.groupId', 'orders')`. */
export const leafSetting = (path: string, value: unknown): Setting => {
  const leaf = leaves.get(path)
  if (leaf === undefined) throw new TypeError(`the schema has no ${path}`)
  const [first = '', ...rest] = shortName(leaf).split('.')
  const inSection = leaf.section === 'kafka' || leaf.section === 'consumer'
  return {
    path: inSection ? [leaf.section, first, ...rest] : [first, ...rest],
    leaves: [path],
    value: inSection ? value : fromText(leaf, value),
  }
}

const unknown = (name: string): UsageError => {
  const reason = refusal(name, '')
  if (reason !== undefined) return new UsageError(`--set ${name}: cannot be honoured: ${reason}`)
  const near = nearestName(name, [...dottedNames, ...settable.map(shortName), ...settable.map(({ path }) => path)])
  const advice = near === undefined ? 'docs/configuration.md lists all' : `did you mean "${near}"?`
  return new UsageError(`--set ${name}: unknown name; ${advice}`)
}

/**
 * What `--set name=value` means. The name is one of Kafka's (`session.timeout.ms`), one of KafkaJS's (`sessionTimeout`),
 * or an option of the pool (`maxProcessingMs`, `restart.maxRestarts`); where a short name is not clear enough, its whole
 * path will do (`consumer.sessionTimeout`).
 *
 * @throws UsageError when there is no such name
 */
export const readSetting = (text: string): Setting => {
  const equals = text.indexOf('=')
  if (equals < 1) throw new UsageError(`--set ${text}: expected <name>=<value>, such as session.timeout.ms=30000`)
  const [name, value] = [text.slice(0, equals).trim(), text.slice(equals + 1)]
  const property = dottedProperty(name)
  if (property !== undefined) {
    const section = property.leaves[0]?.startsWith('kafka.') === true ? 'kafka' : 'consumer'
    return { path: [section, name], leaves: property.leaves, value }
  }
  const leaf = findLeaf(name)
  if (leaf === undefined) throw unknown(name)
  return leafSetting(leaf.path, value)
}
