import { setTimeout as sleep } from 'node:timers/promises'
import { BrokerError } from './broker-error.js'
import type { Cluster } from './cluster.js'
import { DockerCluster } from './docker-cluster.js'
import { areCached, cachedRuntime, fetchJars, homeRuntime, homeVersion } from './jars.js'
import { javaCommand, probe } from './java.js'
import { JavaCluster } from './java-cluster.js'
import { type BrokerOptions, type BrokerSettings, brokerSettings } from './options.js'
import { chooseProvider, type Machine, type Provider } from './provider.js'
import { untilGroupsWork, untilServing } from './ready.js'
import { type KafkaTool, runTool, type ToolSource } from './tools.js'

/** A running Kafka. Nodes are named by Kafka's `node.id`, from 1; `brokers[node - 1]` is the node's address. */
export interface Broker {
  readonly brokers: string[]
  /** The same for each listener of {@link BrokerOptions.security}, by its name; none for an external broker. */
  readonly secured: Readonly<Record<string, readonly string[]>>
  /** Kafka's release, or `unknown` for a broker from `KAFKA_BROKERS` when `KAFKA_VERSION` does not say it. */
  readonly version: string
  /** True for a broker from `KAFKA_BROKERS`: it is not stopped at the end, and the methods for nodes reject. */
  readonly external: boolean
  /** What `runTool` needs; can be sent to another process. */
  readonly tools: ToolSource
  /** Sends a signal and resolves when the node's process has ended. @param signal default `SIGKILL` */
  kill(node: number, signal?: NodeJS.Signals): Promise<void>
  /** Freezes a node: its connections stay open and nothing answers. */
  pause(node: number): Promise<void>
  resume(node: number): Promise<void>
  /** Starts a node again, on the same address and data; kills it before when it still runs. Resolves when it serves. */
  restart(node: number): Promise<void>
  /** Runs one of Kafka's command-line tools against this broker and resolves with what it prints. */
  tool(name: KafkaTool, args: readonly string[]): Promise<string>
  /** Kills the nodes and removes their data. Idempotent. */
  stop(): Promise<void>
}

const PORT_TRIES = 3
const EXIT_POLL_MS = 20

const thisMachine = (version: string): Machine => ({
  java: () => probe(javaCommand(process.env), ['-version']),
  maven: () => probe('mvn', ['-version']),
  docker: () => probe('docker', ['version', '--format', '{{.Server.Version}}']),
  cached: areCached(version),
})

const openCluster = async (provider: Provider, settings: BrokerSettings): Promise<Cluster> => {
  if (provider.kind === 'docker') return DockerCluster.open(settings)
  const java = javaCommand(process.env)
  if (provider.kind === 'home') {
    return JavaCluster.open(homeRuntime(java, provider.home), homeVersion(provider.home), settings)
  }
  const folder = await fetchJars(settings.version, settings.log)
  return JavaCluster.open(cachedRuntime(java, folder), settings.version, settings)
}

const untilEnded = async (cluster: Cluster, node: number): Promise<void> => {
  while ((await cluster.ended(node)) === undefined) await sleep(EXIT_POLL_MS)
}

const ourBroker = (cluster: Cluster, settings: BrokerSettings): Broker => {
  const kill = async (node: number, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> => {
    await cluster.signal(node, signal)
    await untilEnded(cluster, node)
  }
  return {
    brokers: [...cluster.brokers],
    secured: cluster.secured,
    version: cluster.version,
    external: false,
    tools: cluster.tools,
    kill,
    pause: (node) => cluster.pause(node),
    resume: (node) => cluster.resume(node),
    restart: async (node) => {
      if ((await cluster.ended(node)) === undefined) await kill(node)
      await cluster.start(node)
      await untilServing(cluster, [node], settings.startTimeoutMs)
    },
    tool: (name, args) => runTool(cluster.tools, name, args),
    stop: () => cluster.close(),
  }
}

/** The tools of a broker that somebody else runs: those of `KAFKA_HOME`, else jars that have been fetched before. */
const toolsFor = async (brokers: readonly string[], settings: BrokerSettings): Promise<ToolSource> => {
  const command = javaCommand(process.env)
  const home = process.env.KAFKA_HOME
  const bootstrap = brokers.join(',')
  if (home) return { kind: 'java', java: homeRuntime(command, home), bootstrap }
  if (!areCached(settings.version)) return { kind: 'none', why: 'KAFKA_BROKERS is set, and KAFKA_HOME is not.' }
  return { kind: 'java', java: cachedRuntime(command, await fetchJars(settings.version, settings.log)), bootstrap }
}

const externalBroker = (brokers: readonly string[], tools: ToolSource): Broker => {
  const refuse = (): Promise<never> =>
    Promise.reject(new BrokerError('The broker from KAFKA_BROKERS is not ours to kill, pause or restart.'))
  return {
    brokers: [...brokers],
    secured: {},
    version: process.env.KAFKA_VERSION || 'unknown',
    external: true,
    tools,
    kill: refuse,
    pause: refuse,
    resume: refuse,
    restart: refuse,
    tool: (name, args) => runTool(tools, name, args),
    stop: () => Promise.resolve(),
  }
}

const boot = async (cluster: Cluster, settings: BrokerSettings): Promise<void> => {
  const nodes = cluster.brokers.map((_, index) => index + 1)
  await Promise.all(nodes.map((node) => cluster.start(node)))
  await untilServing(cluster, nodes, settings.startTimeoutMs)
  await untilGroupsWork(cluster)
}

/**
 * Starts a real Kafka for development and tests, or takes the one that `KAFKA_BROKERS` names. It ends with `stop()`, and
 * also when this process ends in any other way.
 *
 * @throws BrokerError when there is nothing to start one with (the message says what to install) or it does not start
 */
export const startBroker = async (options: BrokerOptions = {}): Promise<Broker> => {
  const settings = brokerSettings(options, process.env)
  const provider = await chooseProvider(process.env, thisMachine(settings.version))
  if (provider.kind === 'external') {
    return externalBroker(provider.brokers, await toolsFor(provider.brokers, settings))
  }
  for (let tries = 1; ; tries++) {
    const cluster = await openCluster(provider, settings)
    try {
      await boot(cluster, settings)
      return ourBroker(cluster, settings)
    } catch (error) {
      await cluster.close()
      // Somebody else may take a free port between our look at it and Kafka's.
      const taken = error instanceof BrokerError && error.message.includes('Address already in use')
      if (!taken || settings.port !== undefined || tries === PORT_TRIES) throw error
    }
  }
}
