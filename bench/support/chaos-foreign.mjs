const partitionsIn = (text) => [...text.matchAll(/-(\d+)(?=,|\s|$)/g)].map(([, number]) => Number(number))

/** The event in a line of JSON, or null; a member that is killed leaves its last line cut off. */
export const saidInJson = (line) => {
  if (!line.startsWith('{"')) return null
  try {
    return JSON.parse(line)
  } catch {
    return { event: 'unreadable', line }
  }
}

/**
 * What a line of Java's VerifiableConsumer says, or null. To its listener partitions that were lost are `partitions_revoked`; that
 * they are lost is a line of the client's log just before, and its generation another.
 */
export const saidByJava = (line) => {
  const said = saidInJson(line)
  if (said !== null) return said
  const lost = /Lost previously assigned partitions (.*)$/.exec(line)
  if (lost !== null) return { event: 'losing', partitions: partitionsIn(lost[1]) }
  const joined = /Successfully synced group in generation Generation\{generationId=(\d+)/.exec(line)
  return joined === null ? null : { event: 'generation', generation: Number(joined[1]) }
}

/**
 * What the members of other clients tell: pure. Holdings are those of chaos-own.mjs, a handling ends when it begins.
 *
 * @param said what each member said, in its order: { member, kind, event, timestamp, ... } and `gone` when its process ended
 */
export const foreignEvidence = (said) => {
  const [holdings, handlings, commits] = [[], [], []]
  const open = new Map()
  const generations = new Map()
  const losing = new Set()
  const nameOf = (member, partition) => `${member}/${partition}`
  const close = (member, partition, atMs, how) => {
    const holding = open.get(nameOf(member, partition))
    if (holding === undefined) return
    open.delete(nameOf(member, partition))
    Object.assign(holding, { toMs: atMs, toGeneration: generations.get(member) ?? null, how })
  }
  const closeAll = ({ member, timestamp }) => {
    for (const holding of open.values())
      if (holding.member === member) close(member, holding.partition, timestamp, 'ended')
  }
  const handled = ({ member, kind, partition, offset, timestamp }) => {
    handlings.push({ member, kind, partition, offset, startMs: timestamp, endMs: timestamp })
  }
  const committed = ({ member, kind, offsets, timestamp, success = true }) => {
    if (!success) return
    for (const { partition, offset } of offsets) commits.push({ member, kind, partition, offset, atMs: timestamp })
  }
  const assigned = ({ member, kind, numbers, timestamp }) => {
    const generation = generations.get(member) ?? null
    for (const partition of numbers) {
      const holding = {
        ...{ member, kind, instanceId: null, partition, fromMs: timestamp, fromGeneration: generation },
        ...{ gaveUpMs: null, toMs: Number.POSITIVE_INFINITY, toGeneration: generation, how: 'held' },
      }
      open.set(nameOf(member, partition), holding)
      holdings.push(holding)
    }
  }
  const revoked = ({ member, numbers, timestamp }) => {
    for (const partition of numbers) {
      close(member, partition, timestamp, losing.delete(nameOf(member, partition)) ? 'lost' : 'revoked')
    }
  }
  const HEARD = {
    generation: () => {},
    handled,
    record_data: handled,
    committed,
    offsets_committed: committed,
    assigned,
    partitions_assigned: assigned,
    revoked,
    partitions_revoked: revoked,
    losing: ({ member, numbers }) => {
      for (const partition of numbers) losing.add(nameOf(member, partition))
    },
    lost: ({ member, numbers, timestamp }) => {
      for (const partition of numbers) close(member, partition, timestamp, 'lost')
    },
    closing: closeAll,
    gone: closeAll,
  }
  for (const one of said) {
    const { event = one.name, generation = -1, partitions = [] } = one
    if (generation >= 0) {
      generations.set(one.member, generation)
      for (const holding of open.values()) if (holding.member === one.member) holding.toGeneration = generation
    }
    HEARD[event]?.({ ...one, numbers: partitions.map((each) => each.partition ?? each) })
  }
  return { holdings, handlings, commits }
}
