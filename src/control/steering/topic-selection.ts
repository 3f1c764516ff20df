/** One topic, or several: names, and regular expressions. */
export type TopicSelection = string | RegExp | readonly (string | RegExp)[]

/** Which subscription of a pool is meant. */
export interface SubscriptionChoice {
  /** Index in `subscriptions`. @default the only one */
  readonly subscription?: number | undefined
}
