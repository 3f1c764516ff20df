import { type Issues, pathTo, shown } from '../issues.js'

const TOPIC = /^[A-Za-z0-9._-]{1,249}$/

/** Whether a broker allows it as the name of a topic (`Topic.validate`). */
export const isTopicName = (name: string): boolean => TOPIC.test(name) && name !== '.' && name !== '..'

/** Checks the topics of one subscription, by the broker's own rules for names (`Topic.validate`). */
export const readTopics = (value: unknown, path: string, issues: Issues): readonly string[] => {
  if (value === undefined) {
    issues.add(path, 'is missing. Name the topics: topics: ["orders"]')
    return []
  }
  if (!Array.isArray(value) || value.length === 0) {
    issues.add(path, `expected a list of at least one topic, got ${shown(value)}`)
    return []
  }
  const topics: string[] = []
  value.forEach((topic: unknown, index) => {
    const at = pathTo(path, index)
    if (topic instanceof RegExp) issues.add(at, 'is a regular expression, which is not supported. Name the topics')
    else if (typeof topic !== 'string' || !isTopicName(topic)) {
      issues.add(at, `expected the name of a topic (1 to 249 characters of A-Z a-z 0-9 . _ -), got ${shown(topic)}`)
    } else if (topics.includes(topic)) issues.add(at, `names "${topic}" for the second time. Remove it`)
    else topics.push(topic)
  })
  return topics
}
