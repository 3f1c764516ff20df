import { BrokerError } from './broker-error.js'
import { javaMajor } from './java.js'

const OLDEST_JAVA = 17

/** Where a broker comes from. */
export type Provider =
  | { readonly kind: 'external'; readonly brokers: readonly string[] }
  | { readonly kind: 'home'; readonly home: string }
  | { readonly kind: 'jars' }
  | { readonly kind: 'docker' }

/** What the choice asks about the machine; each is asked only when it matters. */
export interface Machine {
  /** What `java -version` prints, or null. */
  java(): Promise<string | null>
  /** What `mvn -version` prints, or null. */
  maven(): Promise<string | null>
  /** Version of a Docker engine that answers, or null. */
  docker(): Promise<string | null>
  /** True when the jars have been fetched before. */
  readonly cached: boolean
}

const advice = [
  'Debian 12 or newer, Ubuntu 24.04 or newer: apt-get install default-jre-headless maven',
  'macOS: brew install openjdk maven && export JAVA_HOME="$(brew --prefix openjdk)"',
  'or start Docker (the image apache/kafka is used),',
  'or set KAFKA_BROKERS=host:port of a running Kafka, or KAFKA_HOME to an unpacked one.',
]

/** The first that is there of: `KAFKA_BROKERS`, `KAFKA_HOME`, Java with Maven, Docker. */
export const chooseProvider = async (env: NodeJS.ProcessEnv, machine: Machine): Promise<Provider> => {
  const brokers = (env.KAFKA_BROKERS ?? '')
    .split(',')
    .map((address) => address.trim())
    .filter(Boolean)
  if (brokers.length > 0) return { kind: 'external', brokers }

  const printed = await machine.java()
  const major = printed === null ? null : javaMajor(printed)
  const javaWorks = major !== null && major >= OLDEST_JAVA
  const java = printed === null ? 'no Java' : `Java ${major ?? 'of unknown version'}`
  if (env.KAFKA_HOME) {
    if (javaWorks) return { kind: 'home', home: env.KAFKA_HOME }
    throw new BrokerError(`KAFKA_HOME is set, but Kafka needs Java ${OLDEST_JAVA} or newer and found ${java}.`)
  }
  const mavenWorks = machine.cached || (javaWorks && (await machine.maven()) !== null)
  if (javaWorks && mavenWorks) return { kind: 'jars' }
  if ((await machine.docker()) !== null) return { kind: 'docker' }

  const missing = javaWorks ? 'no Maven (mvn)' : java
  throw new BrokerError(
    `No Kafka can be started here: it takes Java ${OLDEST_JAVA} or newer with Maven, or a running Docker engine; ` +
      `found ${missing} and no Docker engine.\n  ${advice.join('\n  ')}`,
  )
}
