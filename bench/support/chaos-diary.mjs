/*
 * Reads what the pools of chaos.mjs have written down: lines { pid, atMs, event, ...payload }, and the ends of their processes
 * { pid, atMs, how }, `how` a signal or an exit code. Times are milliseconds of the machine's wall clock.
 */

/**
 * What their slots held, committed, and died of; see chaos-judge.mjs for the shapes. `assignments` are all that was assigned,
 * by generation; `open` is what is held still.
 */
export const ownSide = (lines, deaths) => {
  const [holdings, losses, crashes, commits, assignments] = [[], [], [], [], []]
  const open = new Map()
  const keyOf = (member, partition) => `${member}/${partition}`
  const close = (key, atMs, how) => {
    const holding = open.get(key)
    if (holding === undefined) return
    open.delete(key)
    losses.push(Object.assign(holding, { toMs: atMs, how }))
  }
  const begin = (member, partition, fromMs) => {
    const key = keyOf(member, partition)
    // What was given up and has come back is held anew.
    if (open.get(key)?.givenUpMs !== undefined) close(key, fromMs, 'revoked')
    if (open.has(key)) return
    const holding = { member, kind: 'own', partition, fromMs, toMs: Number.POSITIVE_INFINITY, how: 'held' }
    open.set(key, holding)
    holdings.push(holding)
  }
  const read = {
    ended: ({ pid, atMs }) => {
      for (const key of [...open.keys()].filter((one) => one.startsWith(`${pid}/`))) close(key, atMs, 'ended')
    },
    'group:assigned': ({ pid, slot, instanceId, atMs, generation, removed, assignment }) => {
      const member = `${pid}/${slot}`
      for (const { partition } of removed) close(keyOf(member, partition), atMs, 'revoked')
      for (const { partition } of assignment) {
        begin(member, partition, atMs)
        // Who comes back with the id of a static member is that member.
        assignments.push({ member: instanceId ?? member, generation, partition, atMs })
      }
    },
    'group:revoking': ({ pid, slot, atMs, partitions }) => {
      for (const { partition } of partitions) {
        const holding = open.get(keyOf(`${pid}/${slot}`, partition))
        if (holding !== undefined) holding.givenUpMs = atMs
      }
    },
    'group:lost': ({ pid, slot, atMs, partitions }) => {
      for (const { partition } of partitions) close(keyOf(`${pid}/${slot}`, partition), atMs, 'lost')
    },
    'slot:crashed': ({ pid, slot, atMs, inFlight }) => {
      const messages = inFlight.map(({ partition, offset }) => `${partition}/${offset}`)
      crashes.push({ member: `${pid}/${slot}`, atMs, inFlight: new Set(messages) })
    },
    'offsets:committed': ({ pid, slot, atMs, offsets }) => {
      for (const { partition, offset } of offsets) {
        commits.push({ member: `${pid}/${slot}`, kind: 'own', partition, offset: Number(offset), atMs })
      }
    },
  }
  const ends = deaths.map(({ pid, atMs }) => ({ pid, atMs, event: 'ended' }))
  for (const said of [...lines, ...ends].sort((a, b) => a.atMs - b.atMs)) read[said.event]?.(said)
  return { holdings, losses, crashes, commits, assignments, open }
}
