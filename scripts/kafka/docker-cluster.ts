import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { BrokerError } from './broker-error.js'
import { type Cluster, securedAddresses } from './cluster.js'
import { Keeper } from './keeper.js'
import { type BrokerSettings, type ClientPort, clientPortOf } from './options.js'
import { freePorts } from './ports.js'
import { type ListenerAddress, type NodeAddresses, serverProperties } from './properties.js'
import { scramArguments } from './security.js'
import type { ToolSource } from './tools.js'

/*
 * The image's own entry point builds a configuration of its own from variables; this one takes the file as it is, and
 * can be run again on the same data.
 */
const ENTRY = [
  'printf "%s" "$SERVER_PROPERTIES" > /tmp/server.properties',
  '/opt/kafka/bin/kafka-storage.sh format --ignore-formatted -t "$CLUSTER_ID" -c /tmp/server.properties "$@"',
  'exec /opt/kafka/bin/kafka-server-start.sh /tmp/server.properties',
].join(' && ')

const docker = (args: readonly string[]): Promise<string> =>
  new Promise((resolve, reject) => {
    execFile('docker', [...args], { maxBuffer: 16 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout + stderr)
      else reject(new BrokerError(`docker ${args[0]} failed: ${stderr || error.message}`, { cause: error }))
    })
  })

/** @param advertised where clients are told to come @default the same port of this machine */
const published = (port: number, advertised = port): ListenerAddress => ({
  bind: `:${port}`,
  advertised: `127.0.0.1:${advertised}`,
})

/** Addresses of a node in a container: clients come through published loopback ports, the others by its name. */
export const containerAddresses = (
  id: number,
  container: string,
  { port, advertised }: ClientPort,
  securedPorts: Readonly<Record<string, number>>,
): NodeAddresses => ({
  id,
  client: published(port, advertised),
  secured: Object.fromEntries(Object.entries(securedPorts).map(([name, of]) => [name, published(of)])),
  internal: { bind: ':19092', advertised: `${container}:19092` },
  controller: { bind: ':19093', advertised: `${container}:19093` },
})

interface Container {
  readonly name: string
  readonly network: string
  readonly ports: readonly number[]
  readonly image: string
  readonly environment: Readonly<Record<string, string>>
  /** More arguments for Kafka's storage tool. */
  readonly format: readonly string[]
}

/** Arguments of `docker create` for one node. */
export const createArguments = ({ name, network, ports, image, environment, format }: Container): string[] => [
  'create',
  ...['--name', name, '--network', network],
  ...ports.flatMap((port) => ['--publish', `127.0.0.1:${port}:${port}`]),
  ...Object.entries(environment).flatMap(([variable, value]) => ['--env', `${variable}=${value}`]),
  ...['--entrypoint', '/bin/sh', image, '-c', ENTRY, 'sh', ...format],
]

/** Nodes that are containers of the official image. */
export class DockerCluster implements Cluster {
  readonly brokers: readonly string[]
  readonly secured: Cluster['secured']
  readonly version: string
  readonly tools: ToolSource
  readonly #keeper: Keeper
  readonly #name: string

  private constructor(
    keeper: Keeper,
    version: string,
    name: string,
    brokers: readonly string[],
    secured: Cluster['secured'],
  ) {
    this.#keeper = keeper
    this.version = version
    this.#name = name
    this.brokers = brokers
    this.secured = secured
    this.tools = { kind: 'docker', container: `${name}-1`, bootstrap: `${name}-1:19092` }
  }

  /** Pulls the image when it is not there and creates the containers; starts nothing yet. */
  static async open(settings: BrokerSettings): Promise<DockerCluster> {
    const name = `kafka-${randomBytes(4).toString('hex')}`
    const image = `apache/kafka:${settings.version}`
    const listeners = Object.keys(settings.security.listeners)
    const free = await freePorts((1 + listeners.length) * settings.nodes)
    const ports = Array.from({ length: settings.nodes }, (_, index) => {
      const [client = 0, ...secured] = free.splice(0, 1 + listeners.length)
      return { client: clientPortOf(settings, index, client), secured }
    })
    const nodes = ports.map(({ client, secured }, index) => {
      const byListener = Object.fromEntries(listeners.map((listener, n) => [listener, secured[n] ?? 0]))
      return containerAddresses(index + 1, `${name}-${index + 1}`, client, byListener)
    })
    const toPublish = ports.map(({ client, secured }) => [client.port, ...secured])
    const keeper = await Keeper.start()
    const brokers = ports.map(({ client }) => `127.0.0.1:${client.port}`)
    const cluster = new DockerCluster(keeper, settings.version, name, brokers, securedAddresses(nodes))
    try {
      await docker(['image', 'inspect', image]).catch(() => {
        settings.log(`Pulling ${image} (once)…`)
        return docker(['pull', image])
      })
      const containers = nodes.map(({ id }) => `${name}-${id}`)
      keeper.atEnd('docker', ['rm', '--force', '--volumes', ...containers])
      keeper.atEnd('docker', ['network', 'rm', name])
      await docker(['network', 'create', name])
      const clusterId = `K${randomBytes(16).toString('base64url').slice(1)}`
      for (const [index, node] of nodes.entries()) {
        const environment = {
          CLUSTER_ID: clusterId,
          KAFKA_HEAP_OPTS: '-Xmx512m -XX:+UseSerialGC',
          SERVER_PROPERTIES: serverProperties(node, nodes, '/tmp/kafka-data', settings),
        }
        const container = {
          name: `${name}-${node.id}`,
          network: name,
          ports: toPublish[index] ?? [],
          image,
          environment,
        }
        await docker(createArguments({ ...container, format: scramArguments(settings.security) }))
      }
      return cluster
    } catch (error) {
      await cluster.close()
      throw error
    }
  }

  async start(node: number): Promise<void> {
    await docker(['start', this.#container(node)])
  }

  async ended(node: number): Promise<string | undefined> {
    const state = await docker(['inspect', '--format', '{{.State.Status}} {{.State.ExitCode}}', this.#container(node)])
    const [status, code] = state.trim().split(' ')
    return status === 'exited' || status === 'dead' || status === 'created' ? `exit code ${code}` : undefined
  }

  async signal(node: number, signal: NodeJS.Signals): Promise<void> {
    await docker(['kill', '--signal', signal, this.#container(node)])
  }

  async pause(node: number): Promise<void> {
    await docker(['pause', this.#container(node)])
  }

  async resume(node: number): Promise<void> {
    await docker(['unpause', this.#container(node)])
  }

  log(node: number): Promise<string> {
    return docker(['logs', '--tail', '100', this.#container(node)]).catch(() => '')
  }

  close(): Promise<void> {
    return this.#keeper.end()
  }

  #container(node: number): string {
    return `${this.#name}-${node}`
  }
}
