import { type Issues, pathTo, shown } from '../issues.js'
import { isPattern, patternText, readPattern } from '../topic-pattern.js'

const TOPIC = /^[A-Za-z0-9._-]{1,249}$/

/** Whether a broker allows it as the name of a topic (`Topic.validate`). */
export const isTopicName = (name: string): boolean => TOPIC.test(name) && name !== '.' && name !== '..'

/** What that is, in words. */
export const TOPIC_NAME = 'the name of a topic (1 to 249 characters of A-Z a-z 0-9 . _ -, neither "." nor "..")'

/** The topics of one subscription: by name, and by regular expressions as text. */
export interface TopicChoice {
  readonly topics: readonly string[]
  readonly patterns: readonly string[]
}

/** A RegExp, or what is one between slashes, as text; undefined when it is none. */
const asPattern = (topic: unknown, path: string, issues: Issues): string | undefined => {
  if (topic instanceof RegExp) return patternText(topic)
  if (typeof topic !== 'string' || !isPattern(topic)) return undefined
  try {
    return patternText(readPattern(topic))
  } catch (error) {
    issues.add(path, `${shown(topic)} is no regular expression: ${(error as Error).message}`)
    return ''
  }
}

/** Checks the topics of one subscription, by the broker's own rules for names (`Topic.validate`). */
export const readTopics = (value: unknown, path: string, issues: Issues): TopicChoice => {
  const topics: string[] = []
  const patterns: string[] = []
  if (value === undefined) issues.add(path, 'is missing. Name the topics: topics: ["orders"]')
  else if (!Array.isArray(value) || value.length === 0) {
    issues.add(path, `expected a list of at least one topic, got ${shown(value)}`)
  } else {
    value.forEach((topic: unknown, index) => {
      const at = pathTo(path, index)
      const pattern = asPattern(topic, at, issues)
      const name = pattern ?? topic
      if (pattern === '') return
      if (typeof name !== 'string' || (pattern === undefined && !isTopicName(name))) {
        issues.add(at, `expected ${TOPIC_NAME}, or a regular expression (/^orders-/), got ${shown(topic)}`)
      } else if (topics.includes(name) || patterns.includes(name)) {
        issues.add(at, `names "${name}" for the second time. Remove it`)
      } else if (pattern === undefined) topics.push(name)
      else patterns.push(name)
    })
  }
  return { topics, patterns }
}
