import type { DeadLetter, DeadLetterStore, StoredAt } from '#src/control/dead-letters/store.js'
import { type Deferred, deferred } from '#src/util/deferred.js'

/** Where dead letters go in a test, which says what becomes of each. */
export class FakeStore implements DeadLetterStore {
  /** Everything that was to be stored, attempt after attempt. */
  readonly asked: DeadLetter[] = []
  readonly #waiting: { readonly letter: DeadLetter; readonly answer: Deferred<StoredAt> }[] = []

  store(letter: DeadLetter): Promise<StoredAt> {
    const answer = deferred<StoredAt>()
    this.asked.push(letter)
    this.#waiting.push({ letter, answer })
    return answer.promise
  }

  /** How many attempts are under way. */
  get writing(): number {
    return this.#waiting.length
  }

  /** The oldest attempt succeeds. */
  succeed(offset = '0'): void {
    const { letter, answer } = this.#next()
    answer.resolve({ topic: letter.topic, partition: letter.facts.partition, offset })
  }

  /** The oldest attempt fails. */
  fail(error: unknown): void {
    this.#next().answer.reject(error)
  }

  #next() {
    const next = this.#waiting.shift()
    if (next === undefined) throw new Error('nothing is to be stored')
    return next
  }
}
