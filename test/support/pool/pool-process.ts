import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { uniqueName } from '#scripts/support/topics.js'
import type { ConsumerPoolOptions, PoolStatus } from '#src/index.js'
import { testOptions } from './pool.js'
import { askProcess } from './process-client.js'

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

const END_MS = 15_000

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
  const ask = askProcess(child)
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
