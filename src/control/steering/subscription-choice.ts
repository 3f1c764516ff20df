import { shown } from '../../config/issues.js'

/** Which subscription of a pool is meant. */
export interface SubscriptionChoice {
  /** Index in `subscriptions`. @default the only one */
  readonly subscription?: number | undefined
}

const EXPECTED = '{ subscription: 0 } for the first subscription, { subscription: 1 } for the second'

/**
 * The index that is meant; undefined: the only one.
 *
 * @throws TypeError that says what was expected
 */
export const subscriptionOf = (choice: unknown): number | undefined => {
  if (choice === undefined) return undefined
  const isObject = typeof choice === 'object' && choice !== null
  if (!isObject || Object.keys(choice).some((name) => name !== 'subscription')) {
    throw new TypeError(`expected ${EXPECTED}, got ${shown(choice)}`)
  }
  const { subscription } = choice as { readonly subscription?: unknown }
  if (subscription === undefined || (Number.isSafeInteger(subscription) && Number(subscription) >= 0)) {
    return subscription as number | undefined
  }
  throw new TypeError(`expected ${EXPECTED}, got subscription: ${shown(subscription)}`)
}
