import { pino } from 'pino'
import { expect, test } from 'vitest'
import { Scaler, type ScalerOptions } from '#src/control/scaling/scaler.js'
import { slotConfig } from '../../../support/config/slot-config.js'

test.each<[unknown, number | undefined, string]>([
  ['3', 0, "expected a whole number from 1 to 1024, got '3' (string)"],
  [1.5, undefined, 'got 1.5 (number)'],
  [2, 1, 'there is no subscription 1'],
])('what cannot be is named with its type: scale(%o) of %o', async (slots, subscription, words) => {
  const workers = [{ min: 1, max: 1 }]
  const scaler = new Scaler({ workers, configs: [], log: pino({ level: 'silent' }) } as unknown as ScalerOptions)
  const scaling = scaler.scale(slots as number, subscription, 'asked')
  await expect(scaling).rejects.toMatchObject({ code: 'KCP_NOT_SCALED', message: expect.stringContaining(words) })
})

test('however many slots come, their configurations are made in one go, of the lowest numbers that are free', async () => {
  const asked: [readonly number[], number][] = []
  const refusal = new Error('enough is known')
  const scaler = new Scaler({
    workers: [{ min: 1, max: 1 }],
    configs: [slotConfig({ slot: 0 }), slotConfig({ slot: 1 })],
    slots: { all: [], wanted: [] },
    more: (numbers: readonly number[], subscription: number) => {
      asked.push([numbers, subscription])
      return numbers.map((slot) => slotConfig({ slot }))
    },
    groups: {
      admit: () => {
        throw refusal
      },
    },
    log: pino({ level: 'silent' }),
  } as unknown as ScalerOptions)
  await expect(scaler.scale(512, undefined, 'asked')).rejects.toBe(refusal)
  expect(asked).toEqual([[Array.from({ length: 510 }, (_, n) => n + 2), 0]])
  await expect(scaler.scale(512, undefined, 'asked')).rejects.toBe(refusal)
  expect(asked).toHaveLength(1)
})
