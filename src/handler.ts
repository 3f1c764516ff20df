/*
 * What a handler may need at run time, and nothing else: each thread that handles messages has it loaded already. The
 * main entry has the same classes, but with them all that runs the pool.
 */
export {
  type AbortCode,
  AbortError,
  type Handler,
  type HandlerContext,
  type Setup,
  type SetupContext,
  type Teardown,
} from './data/handler.js'
export { NonRetriableError } from './errors.js'
export type { Message, PlainMessage } from './kafka/message.js'
