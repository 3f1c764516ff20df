import { expect, test } from 'vitest'
import type { Exit, PoolProcess } from '#src/cli/supervise/pool-process.js'
import { withoutStatus } from '#src/cli/supervise-command.js'
import { deferred } from '#src/util/deferred.js'

test('the status of a process that was killed is gone before anything is said of its end', async () => {
  const exited = deferred<Exit>()
  const started: PoolProcess = { pid: 7, exited: exited.promise, send: () => {}, kill: () => {} }
  const written: string[] = []
  const screen = { write: (text: unknown) => written.push(String(text)) > 0 }
  const told = withoutStatus(started, screen).exited.then((exit) => {
    written.push(`ended by ${exit.signal}`)
  })
  expect(written).toEqual([])
  exited.resolve({ code: null, signal: 'SIGKILL' })
  await told
  expect(written).toEqual(['\r\u001b[K', 'ended by SIGKILL'])
})
