import { fromText } from '../config/layers/from-text.js'
import { type DottedProperty, dottedNames, dottedProperty } from '../config/names/property-names.js'
import { type Leaf, leaves, leavesUnder } from '../config/schema/leaves.js'
import { settableLeaves, settingAdvice } from './setting-advice.js'
import { UsageError } from './usage-error.js'

/** One option that the command line sets. */
export interface Setting {
  /** Where it stands in the options: `['consumer', 'session.timeout.ms']`, `['restart', 'maxRestarts']`. */
  readonly path: readonly [string, ...string[]]
  /** The leaves of the schema that it sets, under whatever name, and those that it makes meaningless. */
  readonly leaves: readonly string[]
  readonly value: unknown
}

const SECTIONS = ['consumer', 'kafka', 'processing', 'pool'] as const

/** Without its section: what stands at the top of the options, or in `kafka` or `consumer`. */
const shortName = ({ path, section }: Leaf): string => path.slice(section.length + 1)

const findLeaf = (name: string): Leaf | undefined =>
  settableLeaves.find(({ path }) => path === name) ??
  SECTIONS.flatMap((section) => settableLeaves.filter((leaf) => leaf.section === section)).find(
    (leaf) => shortName(leaf) === name,
  )

/** The setting of a leaf by its path: `leafSetting('consumer.groupId', 'orders')`. */
export const leafSetting = (path: string, value: unknown): Setting => {
  const leaf = leaves.get(path)
  if (leaf === undefined) throw new TypeError(`the schema has no ${path}`)
  const [first = '', ...rest] = shortName(leaf).split('.')
  const inSection = leaf.section === 'kafka' || leaf.section === 'consumer'
  return {
    path: inSection ? [leaf.section, first, ...rest] : [first, ...rest],
    leaves: [path],
    // In `kafka` and `consumer` text is read as what it stands for; beside them only the command line knows it is text.
    value: inSection ? value : fromText(leaf, value),
  }
}

/** `security.protocol=PLAINTEXT` takes the place of whatever a file says of TLS and SASL. */
const switchedOff = ({ read }: DottedProperty, value: string): string[] => {
  try {
    return Object.entries(read(value)).flatMap(([path, set]) => {
      const section = path.replace(/\.enabled$/, '')
      return section === path || set !== false ? [] : [section, ...leavesUnder(section).map((leaf) => leaf.path)]
    })
  } catch {
    return [] // for the pool to say
  }
}

const unknown = (name: string, value: string): UsageError => {
  const known = [...dottedNames, ...settableLeaves.map(shortName), ...settableLeaves.map(({ path }) => path)]
  return new UsageError(`--set ${name}: ${settingAdvice(name, value, settableLeaves, known)}`)
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
    return { path: [section, name], leaves: [...property.leaves, ...switchedOff(property, value)], value }
  }
  const leaf = findLeaf(name)
  if (leaf === undefined) throw unknown(name, value)
  return leafSetting(leaf.path, value)
}
