import type { Message } from './message.js'
import type { TopicPartition } from './metadata.js'

/** What to do about a broker that is silent. */
export interface Lateness {
  /** For how long nothing has come since the broker should have answered, in ms. Its quiet (KIP-219) does not count. */
  readonly afterMs: number
  /** Called once. The answer may come still. */
  readonly tell: () => void
}

export interface FetchRequest {
  readonly maxWaitMs: number
  readonly minBytes: number
  readonly maxBytes: number
  /**
   * What an answer may bring on any account: less than that is asked for now and then, and a first batch comes all the same.
   *
   * @default maxBytes
   */
  readonly limitBytes?: number
  readonly late?: Lateness
  /** How large one batch may become when it is decompressed. */
  readonly maxDecompressedBytes: number
  readonly readUncommitted: boolean
  readonly rackId: string | null
  /**
   * How much memory the messages may take: where it is used up, decoding ends behind the batch that did it.
   *
   * @default no limit
   */
  readonly roomBytes?: number
  /**
   * The order matters: a broker fills its answer in this order, and only of the first one that has anything it sends a
   * batch that is larger than `maxBytes` (KIP-74).
   */
  readonly partitions: readonly {
    readonly topic: string
    readonly partition: number
    readonly offset: number
    readonly maxBytes: number
    /** Epoch of the leader as it is known here: a broker that knows another one refuses. @default NO_EPOCH, no check */
    readonly currentLeaderEpoch?: number
    /**
     * So many messages of one batch are decoded at once, at the most; the next Fetch brings the same batch for those behind
     * them.
     *
     * @default all
     */
    readonly mostMessages?: number
    /** No batch that begins there or later is decoded. @default all are */
    readonly stopsAt?: number | undefined
    /** Told of each batch that is about to be decoded, and, with null, when it is. */
    readonly decoding?: (batch: BatchRange | null) => void
  }[]
}

/** The offsets of a batch, as its header says. */
export interface BatchRange {
  readonly first: number
  readonly last: number
  /** Its codec is awaited, so others have their turn meanwhile. @default false */
  readonly waits?: boolean
}

export interface FetchedPartition extends TopicPartition {
  /** Kafka's error name, or null. */
  readonly error: string | null
  /** Where what may be read ends: the high watermark, or the last stable offset when only what is committed is read. */
  readonly end: number
  /** Node to fetch from instead (KIP-392), or -1. */
  readonly preferredReadReplica: number
  /** What was read, or null when nothing new came. */
  readonly batch: MessageBatch | null
  /** The first batch, when a part of it is all that came: the broker sent no more than it was asked for, against KIP-74. */
  readonly cutOff: CutOffBatch | null
  /** Why the records at the fetch offset cannot be decoded (`KCP_CODEC_MISSING`, `KCP_BATCH_TOO_LARGE`, `KCP_BATCH_UNDECODABLE`). */
  readonly undecodable: Error | null
  /** The batch at the fetch offset was not to be decoded (`stopsAt`). */
  readonly stopped?: true
}

/** A batch of which the end is missing. */
export interface CutOffBatch {
  /** How much would have had to come, as its own header says. */
  readonly batchBytes: number
  /** How much came. */
  readonly cameBytes: number
}

/** Messages of one partition, in order. Aborted and control records are left out already. */
export interface MessageBatch {
  readonly messages: readonly Message[]
  /** `offsets[i]` is the offset of `messages[i]`, as a number. */
  readonly offsets: readonly number[]
  /** Where to fetch next: after the last record that was read, shown or not. */
  readonly nextOffset: number
  /** Memory that the batch keeps alive, in bytes: what was received or decompressed, and the messages as objects. */
  readonly bytes: number
  /** What of the answer was read for it, in bytes. */
  readonly receivedBytes: number
  /** The largest record batch that was read for it, in bytes as it was received. */
  readonly largestBytes: number
  /** Under which leader its last record was written. @default NO_EPOCH */
  readonly leaderEpoch?: number
}

/** What brings messages. */
export interface FetchClient {
  /** One Fetch to one node. A partition that cannot be decoded fails alone. */
  fetch(node: number, request: FetchRequest): Promise<readonly FetchedPartition[]>
  /** What has arrived of answers that are not complete, in bytes; 0 when none is arriving. */
  readonly arrivingBytes: number
}
