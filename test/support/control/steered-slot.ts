import { pino } from 'pino'
import { vi } from 'vitest'
import { Steering } from '#src/control/steering/steering.js'
import { Page } from '#src/protocol/page.js'
import { monotonicMs } from '#src/util/clock.js'
import { slotConfig } from '../config/slot-config.js'
import type { FakeIncarnation } from './fake-threads.js'
import { slotBench } from './slot-bench.js'

/** A slot bench, and what users say to its slot. */
export const steered = (assignors: readonly string[] = ['cooperative-sticky']) => {
  const warnings: unknown[] = []
  const steering: Steering = new Steering({
    slots: () => [bench.slot],
    isSubscribed: (topic) => topic === 'orders',
    isStopping: () => false,
    log: pino({ level: 'warn' }, { write: (line: string) => void warnings.push(JSON.parse(line)) }),
  })
  const bench: ReturnType<typeof slotBench> = slotBench({
    config: slotConfig({ assignors: [...assignors] as never }),
    onHold: steering.onHold,
  })
  return { ...bench, steering, warnings }
}

/** Starts it, with partitions 0 and 1 unless its seats' clients say otherwise, and looks after it as a pool does. */
export const begun = async (bench: ReturnType<typeof steered>) => {
  const booted = bench.slot.boot()
  bench.threads.last.boot()
  await booted
  const joined = bench.slot.join()
  await vi.advanceTimersByTimeAsync(0)
  await joined
  const watch = setInterval(() => {
    void bench.slot.commit()
    bench.slot.watch(monotonicMs())
    bench.steering.look(monotonicMs())
  }, 1_000)
  const stop = async () => {
    clearInterval(watch)
    await bench.slot.stop(monotonicMs() + 1_000, true)
  }
  return { ...bench, stop }
}

/** How the thread was told last to take the partition up. */
export const handed = (thread: FakeIncarnation, partition: number) => {
  const all = thread.requests.flatMap((request) =>
    request.type === 'assign'
      ? request.added
          .map((added) => ({ ...added, page: Page.from(request.page) }))
          .filter((added) => added.partition === partition)
      : [],
  )
  const last = all.at(-1)
  if (last === undefined) throw new Error(`partition ${partition} was not handed out`)
  return last
}

export const partitionOf = ({ slot }: Pick<ReturnType<typeof slotBench>, 'slot'>, partition: number) =>
  slot.status().assignment.find((each) => each.partition === partition)
