import { closedError, connectionError } from '../errors.js'
import { KafkaError } from '../kafka-error.js'
import type { BrokerAddress } from '../metadata.js'
import { askMetadata } from '../requests/metadata-requests.js'
import { type Address, formatAddress } from './address.js'
import { BrokerConnection, type BrokerConnectionSettings } from './broker-connection.js'
import { firstReached } from './first-reached.js'

/** Fetches wait at the broker, and a broker answers the requests of one connection in turn; so they have their own. */
export type Purpose = 'requests' | 'fetch'

interface Opening {
  readonly connection: BrokerConnection
  readonly purpose: Purpose
  readonly opened: Promise<BrokerConnection>
}

const isSame = (one: Address, other: Address): boolean => formatAddress(one) === formatAddress(other)

/** The brokers of one cluster: where each listens, and the connections to them, opened when they are needed. */
export class Brokers {
  readonly #bootstrap: readonly Address[]
  readonly #settings: () => Promise<BrokerConnectionSettings>
  readonly #stepMs: number
  readonly #known = new Map<number, Address>()
  readonly #openings = new Map<string, Opening>()
  /** Addresses that were tried in vain, or whose connection broke, with a number that is higher for later ones. */
  readonly #failed = new Map<string, number>()
  #failures = 0
  #refreshing: Promise<void> | null = null
  #closed = false

  /** @param stepMs connection timeout */
  constructor(bootstrap: readonly Address[], settings: () => Promise<BrokerConnectionSettings>, stepMs: number) {
    this.#bootstrap = bootstrap
    this.#settings = settings
    this.#stepMs = stepMs
  }

  get isClosed(): boolean {
    return this.#closed
  }

  /** What has arrived of answers that are not complete. */
  get arrivingBytes(): number {
    let bytes = 0
    for (const { connection } of this.#openings.values()) bytes += connection.arrivingBytes
    return bytes
  }

  /** The brokers, as one of them last named them. */
  get known(): BrokerAddress[] {
    return [...this.#known].map(([nodeId, { host, port }]) => ({ nodeId, host, port }))
  }

  /** The connection to a node; looks the node up again when it is not known, or not there any more. */
  async to(node: number, purpose: Purpose = 'requests'): Promise<BrokerConnection> {
    if (!this.#known.has(node)) await this.#refresh()
    const address = this.#known.get(node)
    if (address === undefined) {
      const known = [...this.#known.keys()].join(', ')
      throw connectionError(`broker ${node} is not in the metadata of the cluster, which has ${known || 'none'}`)
    }
    try {
      return await this.open(address, purpose)
    } catch (error) {
      if (this.#closed || !(error instanceof KafkaError) || !error.unanswered) throw error
      const isAlone = [...this.#known.values(), ...this.#bootstrap].every((other) => isSame(other, address))
      if (isAlone) throw error // nobody else could say more, and whoever wants to ask again does so
      await this.#refresh().catch(() => {})
      const moved = this.#known.get(node)
      if (moved === undefined || isSame(moved, address)) throw error
      return this.open(moved, purpose)
    }
  }

  /**
   * Asks what any broker knows, and another one, too, when there is no answer for a second. What one answers counts,
   * whatever that is. Where none does, a silence counts before a connection that broke: who is silent may only be slow, and
   * whoever asks again can wait for longer.
   */
  async ask<T>(question: (connection: BrokerConnection) => Promise<T>): Promise<T> {
    const reasons: string[] = []
    let unanswered: KafkaError | undefined
    const attempt = async (address: Address): Promise<{ readonly asked: Promise<T> }> => {
      const connection = await this.open(address)
      const asked = question(connection)
      await asked.catch((error: unknown) => {
        if (!(error instanceof KafkaError) || !error.unanswered) return
        if (unanswered === undefined || (error.isSilence && !unanswered.isSilence)) unanswered = error
        throw error
      })
      return { asked }
    }
    const failed = (_: Address, error: unknown): void => {
      if (this.#closed || !(error instanceof KafkaError)) throw error
      reasons.push(error.message)
    }
    const found = await firstReached(this.#inOrder(), attempt, failed)
    if (found !== undefined) return found.asked
    throw unanswered ?? connectionError(`no broker can be reached: ${reasons.join('; ')}`)
  }

  /**
   * The addresses in the order in which they are asked: first a connection that is open and that no request holds up,
   * then what is not open, an address that has just failed last of these, and then what is busy.
   */
  #inOrder(): Address[] {
    const idle: Address[] = []
    const busy: Address[] = []
    for (const { connection, purpose } of this.#openings.values())
      if (purpose === 'requests' && connection.isOpen) (connection.isHeld ? busy : idle).push(connection.address)
    const open = new Set([...idle, ...busy].map(formatAddress))
    const byName = new Map([...this.#known.values(), ...this.#bootstrap].map((each) => [formatAddress(each), each]))
    const closed = [...byName].filter(([name]) => !open.has(name))
    closed.sort(([a], [b]) => (this.#failed.get(a) ?? 0) - (this.#failed.get(b) ?? 0))
    return [...idle, ...closed.map(([, address]) => address), ...busy]
  }

  /** The connection to an address, opened if need be. Callers at the same time share it. */
  open(address: Address, purpose: Purpose = 'requests'): Promise<BrokerConnection> {
    const key = `${formatAddress(address)} ${purpose}`
    const there = this.#openings.get(key)
    if (there === undefined) return this.#settings().then((settings) => this.#start(key, address, purpose, settings))
    if (there.connection.isDue) return this.#renew(there, () => this.open(address, purpose))
    return there.opened
  }

  #start(
    key: string,
    address: Address,
    purpose: Purpose,
    settings: BrokerConnectionSettings,
  ): Promise<BrokerConnection> {
    if (this.#closed) throw closedError()
    // Somebody else may have been faster while the settings were loading.
    const there = this.#openings.get(key)
    if (there !== undefined) return there.opened
    const name = formatAddress(address)
    const connection = new BrokerConnection(address, settings, this.#stepMs, () => {
      this.#openings.delete(key)
      this.#failed.set(name, ++this.#failures)
    })
    const opened = connection.open().then(() => {
      this.#failed.delete(name)
      return connection
    })
    this.#openings.set(key, { connection, purpose, opened })
    return opened
  }

  /** A broker may have dropped a connection whose authentication ran out while it was idle: that is no failure of the next request. */
  async #renew({ connection }: Opening, reopen: () => Promise<BrokerConnection>): Promise<BrokerConnection> {
    try {
      await connection.renew()
      return connection
    } catch (error) {
      if (this.#closed || !(error instanceof KafkaError) || !error.unanswered) throw error
      return reopen()
    }
  }

  /**
   * Takes over what a broker said about the others. One that has just started may know none yet; then what was known
   * holds, as in Java's `NetworkClient`.
   */
  learn(brokers: readonly BrokerAddress[]): void {
    const named = brokers.filter(({ host }) => host)
    if (named.length === 0) return
    this.#known.clear()
    for (const { nodeId, host, port } of named) this.#known.set(nodeId, { host, port })
    this.#retireGone()
  }

  /** Takes over where one broker is. */
  learnOne(nodeId: number, address: Address): void {
    if (!address.host) return
    this.#known.set(nodeId, address)
    this.#retireGone()
  }

  close(): void {
    this.#closed = true
    for (const { connection } of [...this.#openings.values()]) connection.destroy(closedError())
  }

  /** The configured addresses stay, which need not be those that the brokers name. */
  #retireGone(): void {
    const addresses = new Set([...this.#bootstrap, ...this.#known.values()].map(formatAddress))
    for (const { connection } of [...this.#openings.values()])
      if (!addresses.has(formatAddress(connection.address))) connection.retire()
    for (const name of this.#failed.keys()) if (!addresses.has(name)) this.#failed.delete(name)
  }

  #refresh(): Promise<void> {
    this.#refreshing ??= (async () => {
      try {
        const { brokers } = await this.ask((connection) => askMetadata(connection, []))
        this.learn(brokers)
      } finally {
        this.#refreshing = null
      }
    })()
    return this.#refreshing
  }
}
