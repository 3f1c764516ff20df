import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BrokerError } from './broker-error.js'
import { type Cluster, securedAddresses } from './cluster.js'
import { type JavaRuntime, serverArguments, toolArguments } from './java.js'
import { Keeper, type Kept } from './keeper.js'
import { type BrokerSettings, clientPortOf } from './options.js'
import { freePorts } from './ports.js'
import { type ListenerAddress, type NodeAddresses, serverProperties } from './properties.js'
import { scramArguments } from './security.js'
import type { ToolSource } from './tools.js'

/** A cluster id as Kafka writes it. The first character is a letter, because tools take a dash for an option. */
const newClusterId = (): string => `K${randomBytes(16).toString('base64url').slice(1)}`

const loopback = async (settings: BrokerSettings): Promise<NodeAddresses[]> => {
  const names = Object.keys(settings.security.listeners)
  const free = await freePorts((3 + names.length) * settings.nodes)
  const on = (port: number | undefined): ListenerAddress => {
    const address = `127.0.0.1:${port}`
    return { bind: address, advertised: address }
  }
  return Array.from({ length: settings.nodes }, (_, index) => {
    const { port, advertised } = clientPortOf(settings, index, free.shift() ?? 0)
    return {
      id: index + 1,
      client: { bind: on(port).bind, advertised: on(advertised).advertised },
      secured: Object.fromEntries(names.map((name) => [name, on(free.shift())])),
      controller: on(free.shift()),
      ...(settings.clientPorts !== undefined && { internal: on(free.shift()) }),
    }
  })
}

/** Nodes that are java processes on this machine, bound to 127.0.0.1. */
export class JavaCluster implements Cluster {
  readonly brokers: readonly string[]
  readonly secured: Cluster['secured']
  readonly version: string
  readonly tools: ToolSource
  readonly #java: JavaRuntime
  readonly #keeper: Keeper
  readonly #processes = new Map<number, Kept>()

  private constructor(java: JavaRuntime, version: string, keeper: Keeper, nodes: readonly NodeAddresses[]) {
    this.#java = java
    this.version = version
    this.#keeper = keeper
    this.brokers = nodes.map(({ client }) => client.bind)
    this.secured = securedAddresses(nodes)
    this.tools = { kind: 'java', java, bootstrap: this.brokers.join(',') }
  }

  /** Chooses ports and formats the data folders; starts nothing yet. */
  static async open(java: JavaRuntime, version: string, settings: BrokerSettings): Promise<JavaCluster> {
    const nodes = await loopback(settings)
    const keeper = await Keeper.start()
    const cluster = new JavaCluster(java, version, keeper, nodes)
    try {
      const clusterId = newClusterId()
      await Promise.all(nodes.map((node) => cluster.#format(node, nodes, clusterId, settings)))
      return cluster
    } catch (error) {
      await cluster.close()
      throw error
    }
  }

  async start(node: number): Promise<void> {
    const { folder, properties, log } = this.#paths(node)
    const args = serverArguments(this.#java, folder, properties)
    this.#processes.set(node, await this.#keeper.spawn(`node-${node}`, this.#java.command, args, log))
  }

  async ended(node: number): Promise<string | undefined> {
    const process = this.#processes.get(node)
    return process === undefined ? 'was never started' : process.ended
  }

  async signal(node: number, signal: NodeJS.Signals): Promise<void> {
    this.#keeper.signal(`node-${node}`, signal)
  }

  pause(node: number): Promise<void> {
    return this.signal(node, 'SIGSTOP')
  }

  resume(node: number): Promise<void> {
    return this.signal(node, 'SIGCONT')
  }

  log(node: number): Promise<string> {
    return readFile(this.#paths(node).log, 'utf8').catch(() => '')
  }

  close(): Promise<void> {
    return this.#keeper.end()
  }

  async #format(node: NodeAddresses, all: readonly NodeAddresses[], clusterId: string, settings: BrokerSettings) {
    const { folder, properties, log } = this.#paths(node.id)
    await mkdir(folder)
    await writeFile(properties, serverProperties(node, all, join(folder, 'data'), settings))
    const format = ['format', '-t', clusterId, '-c', properties, ...scramArguments(settings.security)]
    const args = toolArguments(this.#java, 'kafka.tools.StorageTool', format)
    const formatting = await this.#keeper.spawn(`format-${node.id}`, this.#java.command, args, log)
    const how = await formatting.exited
    if (how === 'exit code 0') return
    throw new BrokerError(`Kafka's storage tool refused the data folder (${how}):\n${await this.log(node.id)}`)
  }

  #paths(node: number): { folder: string; properties: string; log: string } {
    const folder = join(this.#keeper.folder, `node-${node}`)
    return { folder, properties: join(folder, 'server.properties'), log: join(folder, 'kafka.log') }
  }
}
