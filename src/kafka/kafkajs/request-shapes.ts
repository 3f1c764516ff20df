/*
 * The requests that are sent, as kafkajs's encoders want them, and their answers as its decoders give them back, or our own
 * readers where they have arrays. A decoded answer keeps the broker's error codes; nothing has been thrown yet.
 */

interface Throttled {
  /** Milliseconds to keep quiet (KIP-219); the connection does it. */
  readonly clientSideThrottleTime?: number
}

interface Coded {
  readonly errorCode: number
}

interface Topics<P> {
  readonly topic: string
  readonly partitions: readonly P[]
}

export interface Apis {
  readonly ApiVersions: {
    readonly ask: undefined
    readonly answer: Throttled &
      Coded & {
        readonly apiVersions: readonly { apiKey: number; minVersion: number; maxVersion: number }[]
      }
  }
  readonly SaslHandshake: {
    readonly ask: { readonly mechanism: string }
    readonly answer: Coded & { readonly enabledMechanisms: readonly string[] }
  }
  readonly SaslAuthenticate: {
    readonly ask: { readonly authBytes: Buffer }
    readonly answer: Coded & {
      /** With their length in front, as mechanisms want it. */
      readonly authBytes: Buffer
      /** Absent before version 1 (KIP-368). */
      readonly sessionLifetimeMs?: string
    }
  }
  readonly Metadata: {
    readonly ask: { readonly topics: readonly string[]; readonly allowAutoTopicCreation: boolean }
    readonly answer: Throttled & {
      readonly brokers: readonly {
        readonly nodeId: number
        readonly host: string
        readonly port: number
        readonly rack: string | null
      }[]
      readonly topicMetadata: readonly {
        readonly topicErrorCode: number
        readonly topic: string
        readonly partitionMetadata: readonly {
          readonly partitionErrorCode: number
          readonly partitionId: number
          readonly leader: number
          /** -1 before version 7. */
          readonly leaderEpoch: number
          /** Node ids. */
          readonly replicas: readonly number[]
        }[]
      }[]
    }
  }
  /** FindCoordinator, under kafkajs's name. */
  readonly GroupCoordinator: {
    readonly ask: { readonly groupId: string }
    readonly answer: Throttled &
      Coded & {
        readonly coordinator: { readonly nodeId: number; readonly host: string; readonly port: number }
      }
  }
  readonly JoinGroup: {
    readonly ask: {
      readonly groupId: string
      readonly sessionTimeout: number
      readonly rebalanceTimeout: number
      readonly memberId: string
      readonly groupInstanceId: string | null
      readonly protocolType: string
      readonly groupProtocols: readonly { readonly name: string; readonly metadata: Buffer }[]
    }
    readonly answer: Throttled &
      Coded & {
        readonly generationId: number
        readonly groupProtocol: string
        readonly leaderId: string
        readonly memberId: string
        readonly members: readonly {
          readonly memberId: string
          readonly groupInstanceId: string | null
          readonly memberMetadata: Buffer
        }[]
      }
  }
  readonly SyncGroup: {
    readonly ask: {
      readonly groupId: string
      readonly generationId: number
      readonly memberId: string
      readonly groupInstanceId: string | null
      readonly groupAssignment: readonly { readonly memberId: string; readonly memberAssignment: Buffer }[]
    }
    readonly answer: Throttled & Coded & { readonly memberAssignment: Buffer | null }
  }
  readonly Heartbeat: {
    readonly ask: {
      readonly groupId: string
      readonly groupGenerationId: number
      readonly memberId: string
      readonly groupInstanceId: string | null
    }
    readonly answer: Throttled & Coded
  }
  readonly LeaveGroup: {
    readonly ask: { readonly groupId: string; readonly memberId: string; readonly groupInstanceId: string | null }
    readonly answer: Throttled & Coded & { readonly members: readonly Coded[] }
  }
  readonly DescribeGroups: {
    readonly ask: { readonly groupIds: readonly string[] }
    readonly answer: Throttled & {
      readonly groups: readonly (Coded & {
        readonly state: string
        readonly members: readonly {
          readonly memberId: string
          readonly groupInstanceId: string | null
          readonly clientId: string
          readonly host: string
          readonly memberMetadata: Buffer
          readonly memberAssignment: Buffer
        }[]
      })[]
    }
  }
  readonly OffsetCommit: {
    readonly ask: {
      readonly groupId: string
      readonly groupGenerationId: number
      readonly memberId: string
      readonly groupInstanceId: string | null
      readonly topics: readonly Topics<{
        readonly partition: number
        readonly offset: string
        readonly leaderEpoch: number
        readonly metadata: string
      }>[]
    }
    readonly answer: Throttled & {
      readonly responses: readonly Topics<Coded & { readonly partition: number }>[]
    }
  }
  readonly OffsetFetch: {
    readonly ask: {
      readonly groupId: string
      readonly topics: readonly Topics<{ readonly partition: number }>[]
    }
    readonly answer: Throttled & {
      readonly errorCode: number
      readonly responses: readonly Topics<
        Coded & {
          readonly partition: number
          readonly offset: string
          /** -1 before version 5. */
          readonly leaderEpoch: number
          readonly metadata: string
        }
      >[]
    }
  }
  readonly ListOffsets: {
    readonly ask: {
      readonly isolationLevel: number
      readonly topics: readonly Topics<{ readonly partition: number; readonly timestamp: number }>[]
    }
    readonly answer: Throttled & {
      readonly responses: readonly Topics<Coded & { readonly partition: number; readonly offset: string }>[]
    }
  }
  readonly DeleteRecords: {
    readonly ask: {
      readonly topics: readonly Topics<{ readonly partition: number; readonly offset: string }>[]
      readonly timeout: number
    }
    readonly answer: Throttled & {
      readonly topics: readonly Topics<Coded & { readonly partition: number }>[]
    }
  }
  readonly DescribeConfigs: {
    readonly ask: {
      readonly resources: readonly {
        readonly type: number
        readonly name: string
        readonly configNames: readonly string[]
      }[]
      readonly includeSynonyms: boolean
    }
    readonly answer: Throttled & {
      readonly resources: readonly (Coded & {
        readonly errorMessage: string | null
        readonly configEntries: readonly { readonly configName: string; readonly configValue: string | null }[]
      })[]
    }
  }
  readonly Produce: {
    /** Encoded by our own code (produce-request.ts), as its answer is decoded. */
    readonly ask: never
    readonly answer: never
  }
  readonly Fetch: {
    readonly ask: {
      readonly isolationLevel: number
      readonly maxWaitTime: number
      readonly minBytes: number
      readonly maxBytes: number
      readonly rackId: string
      readonly topics: readonly Topics<{
        readonly partition: number
        /** Sent from version 9 on. */
        readonly currentLeaderEpoch: number
        readonly fetchOffset: string
        readonly maxBytes: number
      }>[]
    }
    /** Decoded by our own code (fetch-response.ts), never by kafkajs's. */
    readonly answer: never
  }
}

export type ApiName = keyof Apis
export type Ask<K extends ApiName> = Apis[K]['ask']
export type Answer<K extends ApiName> = Apis[K]['answer']
