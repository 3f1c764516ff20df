import type { MemberSubscription } from './assignor.js'
import { compareText } from './order.js'

/** Every topic that anybody subscribes to, sorted by name, with its subscribers in the order of `members`. */
export const subscribersByTopic = (
  members: readonly MemberSubscription[],
): ReadonlyMap<string, readonly MemberSubscription[]> => {
  const subscribers = new Map<string, MemberSubscription[]>()
  for (const member of members) {
    for (const topic of new Set(member.topics)) {
      const ofTopic = subscribers.get(topic)
      if (ofTopic === undefined) subscribers.set(topic, [member])
      else ofTopic.push(member)
    }
  }
  return new Map([...subscribers].sort(([a], [b]) => compareText(a, b)))
}
