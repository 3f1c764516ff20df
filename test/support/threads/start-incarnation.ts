import { pino } from 'pino'
import type { KafkaConfig } from '#src/config/resolved.js'
import { Holdings } from '#src/control/holdings.js'
import type { Exit } from '#src/control/threads/incarnation.js'
import { Incarnations } from '#src/control/threads/incarnations.js'
import { deferred } from '#src/util/deferred.js'
import { kafkaConfig, slotConfig } from '../config/slot-config.js'
import { startThreads } from './start.js'

const ENTRY = new URL('../../../dist/workers/entry.cjs', import.meta.url)

/**
 * Starts an incarnation in a thread that loads this handler as users' threads do, within half a second of its boot, which waits for the import half as long as it may take itself.
 *
 * @returns how the thread ends, when it has
 */
export const startIncarnation = (
  handler: string,
  kafka: Partial<KafkaConfig> = {},
): { readonly incarnations: Incarnations; readonly exited: Promise<Exit> } => {
  const exited = deferred<Exit>()
  const incarnations = new Incarnations({
    config: slotConfig({ handler, kafka: kafkaConfig(kafka) }),
    threads: startThreads({ entry: ENTRY, handlers: [handler], loadTimeoutMs: 6_000 }),
    nextClientId: () => 'client',
    view: () => ({ brokers: [], topics: [] }),
    log: pino({ level: 'silent' }),
    logLevel: () => 'silent',
    journalOf: () => null,
    loadTimeoutMs: 500,
    teardownTimeoutMs: 1_000,
    onReady: () => {},
    onMessage: () => {},
    onExit: (_, exit) => exited.resolve(exit),
  })
  incarnations.start(new Holdings().rehouse())
  return { incarnations, exited: exited.promise }
}
