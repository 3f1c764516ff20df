import type { ControlClient } from '../../kafka/client.js'
import { COORDINATOR_MOVED } from '../../kafka/error-codes.js'
import { KafkaError } from '../../kafka/kafka-error.js'
import { Patience } from './patience.js'

/** True for the failures after which the coordinator must be looked up again. */
const coordinatorMoved = (error: unknown): boolean =>
  error instanceof KafkaError && (error.unanswered || COORDINATOR_MOVED.includes(error.code))

/** The coordinator of one group as one client sees it: looked up when needed, forgotten when it moved. */
export class Coordinator {
  readonly #client: ControlClient
  readonly #groupId: string
  #node: number | null = null
  readonly #lookUps = new Patience()
  /** With commits over this client. */
  readonly commits: Patience

  /** @param commits shared by whoever shares the client @default the first one of all */
  constructor(client: ControlClient, groupId: string, commits = new Patience()) {
    this.#client = client
    this.#groupId = groupId
    this.commits = commits
  }

  /** Sends a request to the coordinator. A failure that means "not here" makes the next call look it up again. */
  async ask<T>(request: (client: ControlClient, node: number) => Promise<T>): Promise<T> {
    try {
      this.#node ??= await this.#find()
      return await request(this.#client, this.#node)
    } catch (error) {
      if (coordinatorMoved(error)) this.#node = null
      throw error
    }
  }

  /** The same, but asks once more when it turns out that the coordinator has moved. */
  askPersistently<T>(request: (client: ControlClient, node: number) => Promise<T>): Promise<T> {
    return this.ask(request).catch((error: unknown) => {
      if (!coordinatorMoved(error)) throw error
      return this.ask(request)
    })
  }

  #find(): Promise<number> {
    return this.#lookUps.during((limit) => this.#client.findCoordinator(this.#groupId, limit))
  }
}
