import type { Logger } from 'pino'
import { PoolError } from '../errors.js'
import { after } from '../util/timers.js'
import { ACTIONS, type Action, type Outcome, type Steerable } from './actions.js'
import { type Answer, answer, refusal } from './answer.js'
import { readFields } from './fields.js'

/** Who orders something hears of it by then, whether it is done or not. */
const ANSWER_WITHIN_MS = 5_000
/** Orders that may take long and may be under way at a time: each is remembered until it is done. */
const MOST_UNDER_WAY = 32

/** What came of an order: its outcome, or why the pool did not do it. */
type Result = Outcome | { readonly error: unknown }

/** What was ordered, as it was understood. */
type Order = Readonly<Record<string, unknown>>

/** Carries out orders. What takes longer than its answer may wait is told to the log when it is over. */
export class Orders {
  readonly #pool: Steerable
  readonly #log: Logger
  readonly #waiting = new Set<() => void>()
  #underWay = 0

  constructor(pool: Steerable, log: Logger) {
    this.#pool = pool
    this.#log = log
  }

  /**
   * @param from the address that it comes from
   * @throws what is no error of the pool, but a fault
   */
  async carryOut(path: string, body: string, from: string | undefined): Promise<Answer> {
    const action = ACTIONS.get(path)
    if (action === undefined) return refusal(404, 'there is no such order')
    const input = readFields(action.takes, body)
    if (typeof input === 'string') return refusal(400, input)
    if (action.underWay !== undefined && this.#underWay >= MOST_UNDER_WAY) {
      return refusal(429, `${MOST_UNDER_WAY} orders are under way already`, { 'retry-after': '5' })
    }
    const order = { action: path.slice(1), ...input }
    const acting = this.#act(action, input)
    const result = await this.#inTime(acting)
    if (result !== null) return this.#judge(order, result, from)
    const says = `under way: ${action.underWay?.(input as never)}`
    this.#log.info({ order, from }, `admin: ${says}`)
    void acting.then((late) => this.#tell(order, late, from))
    return answer(202, { ...order, done: false, says })
  }

  /** Nobody waits for an answer any more. */
  close(): void {
    for (const give of this.#waiting) give()
  }

  async #act(action: Action<never>, input: Order): Promise<Result> {
    this.#underWay += 1
    try {
      return await action.act(this.#pool, input as never)
    } catch (error) {
      return { error }
    } finally {
      this.#underWay -= 1
    }
  }

  /** Null when it takes too long. */
  async #inTime(acting: Promise<Result>): Promise<Result | null> {
    let give = (): void => {}
    const late = new Promise<null>((resolve) => {
      give = () => resolve(null)
    })
    const timer = after(give, ANSWER_WITHIN_MS)
    this.#waiting.add(give)
    const result = await Promise.race([acting, late])
    clearTimeout(timer)
    this.#waiting.delete(give)
    return result
  }

  #judge(order: Order, result: Result, from: string | undefined): Answer {
    if ('error' in result && !(result.error instanceof PoolError)) throw result.error
    this.#tell(order, result, from)
    if (!('error' in result)) return answer(result.done ? 200 : 409, { ...order, ...result })
    const { code, message } = result.error as PoolError
    return answer(409, { ...order, done: false, code, error: message })
  }

  #tell(order: Order, result: Result, from: string | undefined): void {
    const log = this.#log
    if (!('error' in result)) log.info({ order: { ...order, ...result }, from }, `admin: ${result.says}`)
    else if (result.error instanceof PoolError) {
      const { code, message } = result.error
      log.warn({ order: { ...order, done: false, code }, from }, `admin: ${order.action} was not done: ${message}`)
    } else log.error({ err: result.error, order, from }, 'admin: fault in an order. Please report this')
  }
}
