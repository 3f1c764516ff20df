import { isMainThread, workerData } from 'node:worker_threads'
import type { OwnAssignor } from '../src/control/membership/assignors/assignor.js'
import type { Answer, AssignorThreadData, OwnProtocol } from '../src/control/membership/assignors/assignor-thread.js'
import { assignorNamed } from '../src/control/membership/assignors/index.js'
import { ErrorCode, PoolError } from '../src/errors.js'

/*
 * The entry of a thread in which an assignor answers one question: one of the user's, or one of ours whose group is so
 * large that the main thread would stand still.
 */

if (isMainThread) {
  throw new PoolError(ErrorCode.internal, 'workers/assignor is the entry of a worker thread: use ConsumerPool instead')
}

const { module, question, answerTo } = workerData as AssignorThreadData
// Out of the module's reach before that is loaded: it could answer in the assignor's place.
Reflect.deleteProperty(workerData, 'answerTo')

type Own = OwnAssignor & OwnProtocol

/** By name, or as default export. */
const load = async (url: string): Promise<Own> => {
  const exported: Record<string, unknown> = await import(url)
  const found = (typeof exported.assign === 'function' ? exported : exported.default) as Partial<Own> | undefined
  const { name, isCooperative = false, assign } = found ?? {}
  if (typeof assign !== 'function') throw new TypeError('it exports no function "assign"')
  if (typeof name !== 'string' || name === '')
    throw new TypeError('it exports no "name", which all members of the group know')
  if (typeof isCooperative !== 'boolean') throw new TypeError('its "isCooperative" is neither true nor false')
  return { name, isCooperative, assign: (...asked) => assign.apply(found, asked) }
}

const own = module === null ? null : await load(module)
if (question === null) {
  const { name = '', isCooperative = false } = own ?? {}
  answerTo.postMessage({ name, isCooperative } satisfies OwnProtocol)
} else {
  const { protocol, members, partitionCounts, racks } = question
  const assignor = own ?? assignorNamed(protocol)
  const assignment: unknown = await assignor?.assign(members, partitionCounts, racks)
  if (!(assignment instanceof Map))
    throw new TypeError('its "assign" returned no Map of member ids to lists of partitions')
  answerTo.postMessage([...assignment] satisfies Answer)
}
