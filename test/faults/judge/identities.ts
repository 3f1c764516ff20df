import { type Evidence, type Heard, type Violation, violation } from './evidence.js'

const owned = ({ pid, payload }: Heard, ...more: readonly unknown[]): string => [pid, payload.slot, ...more].join('/')

/** Every seat and every incarnation has a client id of its own. */
export const clientIds = ({ heard }: Evidence): Violation[] => {
  const users = new Map<string, string>()
  return heard.flatMap((each) => {
    const user =
      each.event === 'slot:ready'
        ? `incarnation ${owned(each, each.payload.incarnation)}`
        : each.event === 'group:joined'
          ? `seat ${owned(each)}`
          : null
    if (user === null) return []
    const clientId = String(each.payload.clientId)
    const before = users.get(clientId) ?? user
    users.set(clientId, user)
    if (before === user) return []
    return [violation('client ids are all different', `${clientId} is of ${before} and of ${user}`, each.atMs)]
  })
}

/** A slot of a pool that bears a name has the same instance id in all its lives. */
export const instanceIds = ({ heard }: Evidence): Violation[] => {
  const known = new Map<string, string>()
  return heard
    .filter(({ event }) => event === 'group:joined')
    .flatMap(({ member, payload, atMs }) => {
      const slot = `${member}/${payload.slot}`
      const instanceId = String(payload.instanceId)
      const before = known.get(slot) ?? instanceId
      known.set(slot, instanceId)
      if (before === instanceId) return []
      return [violation('instance ids are stable', `${slot}: ${before}, then ${instanceId}`, atMs)]
    })
}
