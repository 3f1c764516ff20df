import type { DeletingClient } from './delete-records.js'
import type { FetchClient } from './fetch.js'
import type { GroupClient } from './group.js'
import type { MetadataClient } from './metadata.js'
import type { LogClient } from './offsets.js'
import type { ProduceClient } from './produce.js'

/*
 * What the rest of the project knows of a client of a cluster, each plane only what it may use: that threads never commit
 * is proved by the compiler. `create-client.ts` implements it; tests put fakes in its place.
 */

/** Of any client: it speaks to one cluster under one client id. Every request rejects with a {@link KafkaError}. */
interface AnyClient extends MetadataClient, LogClient {
  readonly clientId: string
  /**
   * Connects to any of the configured brokers, trying all of them again as often as `retry.retries` says; then rejects
   * with `KCP_BROKER_UNREACHABLE` naming every address and reason.
   * One that was made with a {@link ClusterView} begins with the leaders of the topics in it, on the sockets for Fetches.
   */
  connect(): Promise<void>
  /** Closes every socket at once; pending and later requests reject with type `CLOSED`. Idempotent. */
  close(): void
}

/** What the main thread uses. */
export interface ControlClient extends AnyClient, GroupClient {
  /** Names of all topics of the cluster that this client may describe. */
  topicNames(limit?: { readonly atMostMs?: number }): Promise<readonly string[]>
  /** A broker's own configuration values, by name (used to say which session timeouts it allows). */
  brokerConfig(node: number, names: readonly string[]): Promise<Readonly<Record<string, string>>>
}

/** What a thread uses: no request to a group among it. */
export interface DataClient extends AnyClient, FetchClient {}

/** What writes dead letters. */
export interface WritingClient extends AnyClient, ProduceClient {}

/** All in one. */
export interface Client extends ControlClient, DataClient, WritingClient, DeletingClient {}
