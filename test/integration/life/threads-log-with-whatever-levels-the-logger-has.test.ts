import { type LoggerOptions, pino } from 'pino'
import { expect, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { createTopic, produce } from '../../support/cluster/index.js'
import { startPool } from '../../support/pool/pool.js'

const handler = new URL('../../support/handlers/log.mjs', import.meta.url)

test.each<[string, LoggerOptions, number[]]>([
  ['set to a level of its own', { customLevels: { audit: 35 }, level: 'audit' }, [40]],
  [
    'that has no other levels than its own',
    { customLevels: { chatter: 15, notice: 35, alarm: 60 }, useOnlyCustomLevels: true, level: 'chatter' },
    [15, 35],
  ],
])('a pool starts with a logger %s, and the lines of its threads have the level that fits', async (_, options, levels) => {
  const topic = await createTopic({ partitions: 1 })
  const lines: { readonly level: number; readonly msg: string; readonly slot?: number }[] = []
  const logger = pino(options, { write: (line) => void lines.push(JSON.parse(line)) })
  await produce(topic, [{ partition: 0, value: 'v' }])
  const { pool } = await startPool({ topics: [topic], handler, workers: 1, logger })
  await until(() => pool.status().totals.finished === 1, { what: 'the message' })
  await until(() => lines.some(({ msg }) => msg === 'loud'), { what: 'the line of the handler' })
  const ofThread = lines.filter(({ msg }) => msg === 'quiet' || msg === 'loud')
  expect(ofThread.map(({ level }) => level)).toEqual(levels)
  expect(ofThread.every(({ slot }) => slot === 0)).toBe(true)
  expect(lines.every(({ level }) => Object.values(logger.levels.values).includes(level))).toBe(true)
  await pool.stop()
})
