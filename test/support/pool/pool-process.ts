import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { uniqueName } from '#scripts/support/topics.js'
import type { ConsumerPoolOptions, PoolStatus } from '#src/index.js'
import { testOptions } from './pool.js'

/** A pool in a process of its own. */
export interface PoolProcess {
  readonly pid: number
  readonly groupId: string
  status(): Promise<PoolStatus>
  stop(): Promise<void>
  /** Stops all of its threads, as an overloaded or a sleeping machine does. */
  freeze(): void
  thaw(): void
  /** Ends it at once; resolves when it is gone. */
  kill(): Promise<void>
}

type Answer = { readonly type: 'answer'; readonly id: number; readonly value?: unknown; readonly error?: Error }

const END_MS = 15_000

const client = (child: ChildProcess) => {
  const pending = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  let lastId = 0
  child.on('message', (message: Answer) => {
    const asked = pending.get(message.id)
    pending.delete(message.id)
    if (message.error === undefined) asked?.resolve(message.value)
    else asked?.reject(Object.assign(new Error(message.error.message), message.error))
  })
  child.once('exit', (code, signal) => {
    for (const { reject } of pending.values()) reject(new Error(`the pool's process ended (${code ?? signal})`))
  })
  return (order: string, more: object = {}) =>
    new Promise<unknown>((resolve, reject) => {
      lastId += 1
      pending.set(lastId, { resolve, reject })
      child.send({ id: lastId, order, ...more })
    })
}

/** Starts a pool in a process of its own; killed after the test. The options must be data. */
export const startPoolProcess = async (
  options: ConsumerPoolOptions & { readonly groupId?: string },
): Promise<PoolProcess> => {
  const groupId = options.groupId ?? uniqueName('group')
  const child = fork(fileURLToPath(new URL('./pool-process.mjs', import.meta.url)), {
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const exited = once(child, 'exit')
  const kill = async () => {
    child.kill('SIGKILL')
    await exited
  }
  onTestFinished(kill, END_MS)
  const ask = client(child)
  await ask('start', { options: testOptions({ ...options, groupId }) })
  return {
    pid: child.pid ?? -1,
    groupId,
    status: async () => (await ask('status')) as PoolStatus,
    stop: async () => {
      await ask('stop')
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    kill,
  }
}
