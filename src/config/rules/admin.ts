import { isIPv4 } from 'node:net'
import type { Issues } from '../issues.js'
import type { Layer } from '../layers/layer.js'
import type { AdminConfig } from '../resolved.js'

const SECTION = 'pool.admin'

/** Whether only this machine can reach it. */
const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))

/** What the merged layers say of the admin server, or null when nothing turns it on. */
export const resolveAdmin = (
  layer: Layer,
  said: Omit<AdminConfig, 'token'> & { readonly token?: string | undefined },
  issues: Issues,
): AdminConfig | null => {
  const { host, port } = said
  const token = said.token ?? null
  if (layer.get(`${SECTION}.enabled`)?.value !== true) return null
  const isFaulty = ['host', 'token'].some((name) => issues.isFaulty(`${SECTION}.${name}`))
  if (!isFaulty && token === null && !isLoopback(host)) {
    issues.add(
      layer.get(`${SECTION}.host`)?.from ?? 'admin.host',
      `"${host}" can be reached from other machines, who could steer the pool. Add admin.token, or leave admin.host out to listen on this machine alone`,
    )
  }
  return { host, port, token }
}
