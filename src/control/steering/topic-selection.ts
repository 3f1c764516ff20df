/** One topic, or several: names, and regular expressions. */
export type TopicSelection = string | RegExp | readonly (string | RegExp)[]
