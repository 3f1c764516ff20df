import { essence } from '../config/names/foreign-names.js'
import { nameAdvice } from '../config/names/unknown-name.js'
import { type Leaf, leaves } from '../config/schema/leaves.js'
import type { Section } from '../config/schema/schema.js'

/** What has an option of the command of its own, by the names under which somebody may look for it. */
const FLAGS: readonly (readonly [flag: string, example: string, ...names: string[]])[] = [
  ['--workers', '3', 'workers', 'worker'],
  ['--topic', 'orders', 'topics', 'topic'],
  ['--handler', './handler.mjs', 'handler'],
  ['--group', 'orders', 'group'],
  ['--log-level', 'debug', 'log-level', 'logger.level', 'level'],
  ['--config', './kafka-consumer-pool.config.mjs', 'config'],
]

const flags: ReadonlyMap<string, readonly [string, string]> = new Map(
  FLAGS.flatMap(([flag, example, ...names]) => names.map((name) => [essence(name), [flag, example]] as const)),
)

const DEAD_LETTER =
  'a topic turns dead letters on: --set "deadLetter.topic={topic}.dlq", where {topic} stands for the topic that a message came from'

const ADMIN = 'the admin server is an option of the command itself: --admin, or --admin 127.0.0.1:9464'

const SWITCHES: Readonly<Record<string, string>> = {
  ssl: 'security.protocol turns TLS on: --set security.protocol=SSL (or SASL_SSL); --set ssl.ca.location=./ca.pem names the authorities to trust',
  sasl: 'security.protocol turns SASL on: --set security.protocol=SASL_SSL --set sasl.mechanism=PLAIN --set sasl.username=… --set sasl.password=…',
  deadLetter: DEAD_LETTER,
  'processing.deadLetter': DEAD_LETTER,
  admin: ADMIN,
  'pool.admin': ADMIN,
}

const FILE_ONLY: readonly string[] = ['subscriptions', 'perSlot', 'logger', 'kafka', 'consumer']

/** Those that a handler's author looks for before those of the connection. */
const ORDER: readonly Section[] = ['processing', 'pool', 'consumer', 'kafka']

/** `--set` for the first part of each object of that name; where there are two, with what it does. */
const partsOf = (name: string, settable: readonly Leaf[]): readonly string[] => {
  const isPart = ({ path }: Leaf) => path.includes(`.${name}.`) || path.startsWith(`${name}.`)
  const firsts = ORDER.flatMap((section) => settable.find((leaf) => leaf.section === section && isPart(leaf)) ?? [])
  return firsts.map(({ path, description }) => {
    const setting = `--set ${path.slice(path.indexOf(`${name}.`))}=…`
    const [does = ''] = description.replaceAll('`', '').split(/[.;] /)
    return firsts.length === 1 ? setting : `${setting} (${does.charAt(0).toLowerCase()}${does.slice(1)})`
  })
}

/** What to say of a name that `--set` cannot set, and of the value that was to be set. */
export const settingAdvice = (
  name: string,
  value: string,
  settable: readonly Leaf[],
  known: readonly string[],
): string => {
  const [flag, example] = flags.get(essence(name)) ?? []
  if (flag !== undefined) return `${name} is an option of the command itself: ${flag} ${value === '' ? example : value}`
  const short = name.replace(/^kafka\./, '').replace(/\.enabled$/, '')
  const onOff = Object.hasOwn(SWITCHES, short) ? SWITCHES[short] : undefined
  if (onOff !== undefined) return onOff
  if (FILE_ONLY.includes(name)) return `${name} takes a configuration file (--config)`
  const parts = partsOf(name, settable)
  if (parts.length > 0) return `${name} has parts that are set one by one, such as ${parts.join(', or ')}`
  return nameAdvice(name, '', known)
}

/** `enabled` is how security.protocol and ssl: true are kept; nobody can write it. */
export const settableLeaves: readonly Leaf[] = [...leaves.values()].filter(({ path }) => !path.endsWith('.enabled'))
