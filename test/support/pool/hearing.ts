import { onTestFinished } from 'vitest'
import { uniqueName } from '#scripts/support/topics.js'
import { until } from '#scripts/support/until.js'

/** What the handlers of one test say to the test itself. */
export interface Hearing<T> {
  /** Everything so far. */
  readonly heard: readonly T[]
  /** A module of test/support/handlers that speaks to this test. */
  handler(name: string): URL
  /** Waits until so many things were said that are like this, and resolves with the last of them. */
  until(what: string, isMeant: (said: T) => boolean, times?: number): Promise<T>
}

/** Listens to handlers, which speak even while they block their thread. Closed after the test. */
export const listen = <T>(): Hearing<T> => {
  const name = uniqueName('hearing')
  const channel = new BroadcastChannel(name)
  const heard: T[] = []
  channel.onmessage = (event) => heard.push((event as { data: T }).data)
  onTestFinished(() => channel.close())
  return {
    heard,
    handler: (module) => new URL(`../handlers/${module}.mjs?channel=${name}`, import.meta.url),
    until: (what, isMeant, times = 1) => until(() => heard.filter(isMeant)[times - 1], { what }),
  }
}
