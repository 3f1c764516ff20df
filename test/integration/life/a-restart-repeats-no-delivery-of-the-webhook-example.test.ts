import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ts from 'typescript'
import { expect, onTestFinished, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { createTopic, produce } from '../../support/cluster/index.js'
import { startPool } from '../../support/pool/pool.js'

const PARTITIONS = 8
const EACH = 5

/** A server that answers after a while, and every body that it got. */
const receiver = async (): Promise<{ readonly url: string; readonly got: string[] }> => {
  const got: string[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text
    })
    request.on('end', () => {
      got.push(body)
      setTimeout(() => response.end(), 200)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, got }
}

/** The handler of the examples, compiled. */
const webhook = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'webhook-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const source = readFileSync(new URL('../../../examples/typescript/handlers/webhook.ts', import.meta.url), 'utf8')
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true },
  })
  const file = join(folder, 'webhook.mjs')
  writeFileSync(file, outputText)
  return file
}

test('a restart repeats no delivery of the webhook example, which hands context.signal on', async () => {
  const { url, got } = await receiver()
  process.env.WEBHOOK_URL = url
  onTestFinished(() => {
    delete process.env.WEBHOOK_URL
  })
  const topic = await createTopic({ partitions: PARTITIONS })
  const values = Array.from({ length: PARTITIONS * EACH }, (_, n) => `order ${n}`)
  await produce(
    topic,
    values.map((value, n) => ({ value, partition: n % PARTITIONS })),
  )
  const options = { topics: [topic], handler: webhook(), workers: 1, concurrency: PARTITIONS }
  const first = await startPool(options)
  await until(() => got.length > PARTITIONS, { what: 'deliveries under way', everyMs: 5 })
  await first.pool.stop()
  expect(first.heard('pool:stopped')).toMatchObject([{ drained: true }])
  const second = await startPool({ ...options, groupId: first.groupId })
  await until(() => new Set(got).size === values.length, { what: 'every delivery' })
  await second.pool.stop()
  expect(got.toSorted()).toEqual(values.toSorted())
})
