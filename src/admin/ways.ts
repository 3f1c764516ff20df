import { ACTIONS } from './actions.js'
import { type Answer, refusal } from './answer.js'

const PROBES: readonly string[] = ['/livez', '/readyz']
const READABLE: readonly string[] = [...PROBES, '/status', '/metrics', '/events']

/** Every path there is, with its method as the documentation has it. */
export const WAYS: readonly (readonly [method: string, path: string])[] = [
  ...READABLE.map((path) => ['GET', path] as const),
  ...[...ACTIONS.keys()].map((path) => ['POST', path] as const),
]

export const isProbe = (path: string): boolean => PROBES.includes(path)

const methodsOf = (path: string): readonly string[] => {
  if (READABLE.includes(path)) return path === '/events' ? ['GET'] : ['GET', 'HEAD']
  return ACTIONS.has(path) ? ['POST'] : []
}

/** What to answer where no way leads, or not by that method; null where one does. */
export const unknownWay = (method: string, path: string): Answer | null => {
  const methods = methodsOf(path)
  if (methods.length === 0) return refusal(404, `there are ${WAYS.map((way) => way[1]).join(', ')}`)
  if (methods.includes(method)) return null
  return refusal(405, `this path takes ${methods.join(' and ')}`, { allow: methods.join(', ') })
}
