import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { Group } from '#src/control/membership/group.js'
import { GroupTopics } from '#src/control/membership/group-topics.js'
import { PatternTopics } from '#src/control/membership/pattern-topics.js'
import type { Seat } from '#src/control/membership/seat.js'
import type { TopicMetadata } from '#src/kafka/metadata.js'
import { slotConfig } from '../../../support/config/slot-config.js'
import { silence } from '../../../support/control/fake-client.js'

const DEAD_LETTER = { topic: '{topic}.dlq', partition: 'any', breaker: 10, resumeAfterMs: null } as const

const subscription = (number: number, topics: readonly string[], patterns: readonly string[] = [], more = {}) =>
  slotConfig({ slot: number, subscription: number, topics, patterns, ...more })

describe('the topics of a group', () => {
  test('are the named ones, and those that a regular expression finds, without internal ones', () => {
    const topics = new GroupTopics([subscription(0, ['named'], ['/^orders-/', '/OFFSETS/i'])])
    expect(topics.match(['orders-a', '__consumer_offsets', 'other', 'orders-b', 'my-offsets'])).toHaveLength(1)
    expect(topics.subscriptions[0]?.all).toEqual(['named', 'my-offsets', 'orders-a', 'orders-b'])
    expect(topics.match(['orders-b', 'orders-a', 'my-offsets'])).toEqual([])
    const names = ['named', 'orders-later', '__consumer_offsets', 'other']
    expect(names.filter((topic) => topics.subscriptions[0]?.includes(topic))).toEqual(['named', 'orders-later'])
  })

  test('have one subscription each: that which names it, or else the first that finds it', () => {
    const topics = new GroupTopics([subscription(0, [], ['/./']), subscription(1, ['b'], ['/c/', '/d/'])])
    topics.match(['a', 'b', 'c'])
    expect(topics.subscriptions.map(({ all }) => all)).toEqual([['a', 'c'], ['b']])
  })

  test.each([
    ['{topic}.dlq', ['a', 'dead', 'dead-a']],
    ['dead-{topic}', ['a', 'a.dlq', 'dead']],
    ['dead', ['a', 'a.dlq', 'dead-a']],
  ])('are never dead letters (%s) unless they are named', (topic, found) => {
    const topics = new GroupTopics([subscription(0, [], ['/./'], { deadLetter: { ...DEAD_LETTER, topic } })])
    topics.match(['a', 'a.dlq', 'dead-a', 'dead'])
    const [own] = topics.subscriptions
    expect(own?.all).toEqual(found)
    own?.add({ topics: ['a.dlq'], patterns: [] })
    expect(own?.named).toEqual(['a.dlq'])
  })

  test('that are named no more are there still where they are found', () => {
    const topics = new GroupTopics([subscription(0, ['a'], ['/a/'])])
    topics.match(['a'])
    const [own] = topics.subscriptions
    own?.remove({ topics: ['a'], patterns: [] })
    topics.match(['a'])
    expect(own?.all).toEqual(['a'])
    own?.remove({ topics: [], patterns: ['/a/'] })
    expect(own?.all).toEqual([])
  })
})

/** A pool with a group whose first subscription finds `/^orders/`, and whose second one names `bills`. */
const world = () => {
  const there = new Set(['orders-a', 'bills'])
  const hidden = new Set<string>()
  const errors = new Map<string, string>()
  const appeared: string[] = []
  const found: string[] = []
  const rejoined: string[] = []
  const lines: string[] = []
  const group = new Group('group', 2)
  for (const number of [0, 1]) {
    group.add({ subscription: number, rejoin: (why: string) => rejoined.push(`${number}: ${why}`) } as unknown as Seat)
  }
  const topics = new GroupTopics([subscription(0, [], ['/^orders/']), subscription(1, ['bills'])])
  const note = (of: Group, come: readonly TopicMetadata[]) => {
    for (const { topic } of come) (of.known.isNew({ topic, partition: 0 }) ? appeared : found).push(topic)
  }
  const patterns = new PatternTopics({
    groups: [{ group, topics }],
    topicNames: async () => [...there].filter((topic) => !hidden.has(topic)),
    metadata: async (names) => {
      if (errors.has('all')) throw silence()
      return names.map((topic) => {
        const error = errors.get(topic) ?? (there.has(topic) ? null : 'UNKNOWN_TOPIC_OR_PARTITION')
        return { topic, error, partitions: [] }
      })
    },
    onFound: note,
    log: pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) }),
  })
  return { there, hidden, errors, appeared, found, rejoined, lines, topics, patterns, group }
}

describe('a pool with regular expressions', () => {
  test('has the members of that subscription join again when topics have come or gone, and no others', async () => {
    const { there, appeared, rejoined, topics, patterns } = world()
    await patterns.begin()
    expect([rejoined, appeared]).toEqual([[], []])
    await patterns.look()
    there.add('orders-b')
    there.add('bills-b')
    await patterns.look()
    expect(rejoined).toEqual(['0: what its regular expressions find has come: "orders-b"'])
    expect(appeared).toEqual(['orders-b'])
    there.delete('orders-a')
    await patterns.look()
    expect(rejoined[1]).toBe('0: what its regular expressions find has gone: "orders-a"')
    expect(topics.subscriptions[0]?.all).toEqual(['orders-b'])
  })

  test('takes a topic for new that an expression finds which had looked before, and no other, whoever has it looked for', async () => {
    const { there, appeared, found, topics, patterns } = world()
    there.add('old-1')
    await patterns.begin()
    there.add('orders-b')
    topics.subscriptions[1]?.add({ topics: [], patterns: ['/^old/', '/s-b$/'] })
    await patterns.look()
    expect([appeared, found]).toEqual([['orders-b'], ['old-1']])
    there.add('old-2')
    await patterns.look()
    expect(appeared).toEqual(['orders-b', 'old-2'])
  })

  test('takes nothing for new that one of two looks side by side has found already', async () => {
    const { there, topics, patterns, group } = world()
    there.add('old-1')
    await patterns.begin()
    topics.subscriptions[1]?.add({ topics: [], patterns: ['/^old/'] })
    await Promise.all([patterns.look(), patterns.look()])
    expect(['orders-a', 'old-1'].filter((topic) => group.known.isNew({ topic, partition: 0 }))).toEqual([])
  })

  test('has members join again for a topic of which nothing else can be seen yet, and then all of it is new', async () => {
    const { there, errors, appeared, rejoined, patterns } = world()
    await patterns.begin()
    there.add('orders-b')
    errors.set('all', 'silence')
    await patterns.look()
    expect([rejoined.length, appeared]).toEqual([1, ['orders-b']])
  })

  test('does not believe a broker that does not know of a topic yet', async () => {
    const { hidden, rejoined, patterns } = world()
    await patterns.begin()
    hidden.add('orders-a')
    await patterns.look()
    expect(rejoined).toEqual([])
  })

  test.each([
    ['TOPIC_AUTHORIZATION_FAILED', 1],
    ['LEADER_NOT_AVAILABLE', 0],
  ])('that is told %s of a topic leaves %i', async (error, left) => {
    const { hidden, errors, rejoined, patterns } = world()
    await patterns.begin()
    hidden.add('orders-a')
    errors.set('orders-a', error)
    await patterns.look()
    expect(rejoined).toHaveLength(left)
  })

  test('says so when they find nothing at the start', async () => {
    const { there, lines, patterns } = world()
    there.delete('orders-a')
    await patterns.begin()
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('/^orders/')
  })
})
