import type { NodeAddresses } from './properties.js'
import type { ToolSource } from './tools.js'

/** The processes of one to three nodes, however they are run. Nodes are named by Kafka's `node.id`, from 1. */
export interface Cluster {
  /** `host:port` of each node, in the order of their ids. */
  readonly brokers: readonly string[]
  /** The same for each secured listener, by its name. */
  readonly secured: Readonly<Record<string, readonly string[]>>
  readonly version: string
  readonly tools: ToolSource
  /** Starts the process of a node that does not run; its data and its addresses are those of the last time. */
  start(node: number): Promise<void>
  /** How the node's process ended, or undefined while it runs. */
  ended(node: number): Promise<string | undefined>
  signal(node: number, signal: NodeJS.Signals): Promise<void>
  /** Freezes the process: its connections stay open and nothing answers. */
  pause(node: number): Promise<void>
  resume(node: number): Promise<void>
  /** What the node has logged. */
  log(node: number): Promise<string>
  /** Kills everything and removes the data. Idempotent. */
  close(): Promise<void>
}

/** {@link Cluster.secured} of these nodes. */
export const securedAddresses = (nodes: readonly NodeAddresses[]): Cluster['secured'] => {
  const names = Object.keys(nodes[0]?.secured ?? {})
  const of = (name: string) => nodes.flatMap(({ secured }) => secured[name]?.advertised ?? [])
  return Object.fromEntries(names.map((name) => [name, of(name)]))
}
