import { isMainThread, workerData } from 'node:worker_threads'
import { effectiveConfig } from '../src/config/mask-secrets.js'
import type { HandlerModule } from '../src/data/handler.js'
import { giveWayLater } from '../src/data/handling/give-way.js'
import { loadHandler } from '../src/data/handling/handler-loader.js'
import { loadThreadImports } from '../src/data/handling/thread-imports.js'
import { Runtime } from '../src/data/runtime.js'
import { ErrorCode, PoolError } from '../src/errors.js'
import { toErrorData } from '../src/protocol/error-data.js'
import type { SlotTask, ThreadData } from '../src/protocol/messages.js'
import { within } from '../src/util/within.js'

/*
 * The entry of a worker thread. Loading it makes the thread a warm spare: kafkajs and the handlers are on their way in
 * before any slot asks. Nothing here awaits at the top level, and nothing that fails to load ends the thread: the task
 * that needs it rejects instead.
 */

if (isMainThread) {
  throw new PoolError(ErrorCode.internal, 'workers/consumer is the entry of a worker thread: use ConsumerPool instead')
}

/** Starts it now; a failure waits for whoever asks. */
const early = <T>(load: () => Promise<T>): Promise<T> => {
  const loading = load()
  loading.catch(() => {})
  return loading
}

const data = (workerData ?? {}) as Partial<ThreadData>
const { imports = [], handlers = [], importWaitMs = 0, loadTimeoutMs, heapMb, rehearsal: config } = data

const kafka = early(() => import('../src/kafka/create-client.js'))
const rehearsal = early(() => import('../src/data/rehearsal.js'))
const calledUp = new AbortController()
if (config !== undefined) void early(async () => (await rehearsal).rehearse(config, calledUp.signal))

// A CommonJS handler `require`s this package, which Node cannot while an `import()` of the same modules is under way
// (Node 20: "Cannot read properties of undefined (reading 'getStatus')"; Node 24: ERR_REQUIRE_ESM_RACE_CONDITION). So ours
// are all there before; with several handlers also the main entry, which one may import while another requires it: that
// takes twice as long as all the rest.
const ours = Promise.allSettled([
  kafka,
  rehearsal,
  early(() => import('../src/handler.js')),
  ...(handlers.length > 1 ? [early(() => import('../src/index.js'))] : []),
])
// What they register (hooks of an SDK, a loader) is to be in force when the handlers load what they need.
const imported = early(() => ours.then(() => loadThreadImports(imports, loadTimeoutMs)))
const load = (url: string): Promise<HandlerModule> => imported.then(() => loadHandler(url))
const preloaded: ReadonlyMap<string, Promise<HandlerModule>> = new Map(
  handlers.map((url) => [url, early(() => load(url))]),
)

/**
 * Resolves when everything is loaded, or has failed to; after that the thread is offered to the slots. It waits for the
 * handlers no longer than `importWaitMs`: one that hangs is not the business of those who wait for another.
 */
export const settled = ours.then(() => within(Promise.allSettled(preloaded.values()), importWaitMs))

/** Once in the thread's life, however many tasks it gets. */
const giveWay = giveWayLater()

/**
 * Fills a slot until it is told to stop.
 *
 * @throws an `ErrorData` record, not an `Error`: it crosses the thread boundary whole
 */
export default async (task: SlotTask) => {
  calledUp.abort()
  const runtime = new Runtime(task, {
    loadHandler: (url) => preloaded.get(url) ?? load(url),
    createClient: async (options) => (await kafka).createClient(options),
    loadTracing: async (options) => {
      const { loadTracingApi, Tracing } = await import('../src/data/handling/tracing.js')
      return new Tracing({ api: await loadTracingApi(), ...options })
    },
    effectiveConfig,
    giveWay,
    heapMb,
  })
  try {
    return await runtime.run()
  } catch (error) {
    throw toErrorData(error)
  }
}
