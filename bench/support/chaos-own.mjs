/**
 * What the diaries of our pools tell: pure.
 *
 * A holding: { member, kind, instanceId, partition, fromMs, fromGeneration, gaveUpMs, toMs, toGeneration, how }. It ends with the
 * `group:assigned` that has it no more, or with the next generation if it was given up before; `gaveUpMs` is the
 * `group:revoking` before that, after which nothing may begin there. `toGeneration` is the last generation in which the
 * partition was the member's. `how` it ended: revoked, lost, ended (with its process), or held: not at all.
 *
 * @param lines of the diaries: { pid, slot, atMs, event, ... }
 * @param deaths of processes: { pid, atMs }
 * @returns holdings, crashes of threads with what was in flight (`partition/offset`), commits, and `times`: of each event
 */
export const ownEvidence = (lines, deaths) => {
  const holdings = []
  const open = new Map()
  const generations = new Map()
  const times = new Map()
  const [crashes, commits] = [[], []]
  const close = (key, atMs, how) => {
    const holding = open.get(key)
    if (holding === undefined) return
    open.delete(key)
    Object.assign(holding, { toMs: atMs, how: holding.gaveUpMs === null || how === 'lost' ? how : 'revoked' })
  }
  const heldBy = (prefix) => [...open].filter(([key]) => key.startsWith(prefix))

  const joined = (member, { atMs, generation }) => {
    const follows = generation <= (generations.get(member) ?? generation) + 1
    generations.set(member, generation)
    for (const [key, holding] of heldBy(`${member}/`)) {
      if (holding.gaveUpMs !== null && generation > holding.toGeneration) close(key, atMs, 'revoked')
      else if (follows) holding.toGeneration = generation // else others may have had it meanwhile, and it is told as lost
    }
  }
  const assigned = (member, { atMs, generation, instanceId, assignment }) => {
    const now = new Set(assignment.map(({ partition }) => `${member}/${partition}`))
    for (const [key, { gaveUpMs }] of heldBy(`${member}/`)) {
      if (!now.has(key) || gaveUpMs !== null) close(key, atMs, 'revoked')
    }
    for (const { partition } of assignment) {
      const key = `${member}/${partition}`
      if (open.has(key)) continue
      const holding = {
        ...{ member, kind: 'own', instanceId: instanceId ?? null, partition, fromMs: atMs, fromGeneration: generation },
        ...{ gaveUpMs: null, toMs: Number.POSITIVE_INFINITY, toGeneration: generation, how: 'held' },
      }
      open.set(key, holding)
      holdings.push(holding)
    }
  }
  const HEARD = {
    ended: (_, { pid, atMs }) => {
      for (const [key] of heldBy(`${pid}/`)) close(key, atMs, 'ended')
    },
    'group:joined': joined,
    'group:assigned': assigned,
    'group:revoking': (member, { atMs, partitions }) => {
      for (const { partition } of partitions) {
        const holding = open.get(`${member}/${partition}`)
        if (holding !== undefined) holding.gaveUpMs ??= atMs
      }
    },
    'group:lost': (member, { atMs, partitions }) => {
      for (const { partition } of partitions) close(`${member}/${partition}`, atMs, 'lost')
    },
    'slot:crashed': (member, { atMs, inFlight }) => {
      crashes.push({ member, atMs, inFlight: new Set(inFlight.map((one) => `${one.partition}/${one.offset}`)) })
    },
    'offsets:committed': (member, { atMs, offsets }) => {
      for (const { partition, offset } of offsets) {
        commits.push({ member, kind: 'own', partition, offset: Number(offset), atMs })
      }
    },
  }
  const ends = deaths.map(({ pid, atMs }) => ({ pid, atMs, event: 'ended' }))
  for (const said of [...lines, ...ends].sort((a, b) => a.atMs - b.atMs)) {
    times.set(said.event, (times.get(said.event) ?? 0) + 1)
    HEARD[said.event]?.(`${said.pid}/${said.slot}`, said)
  }
  return { holdings, crashes, commits, times }
}
