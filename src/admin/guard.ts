import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import type { AdminConfig } from '../config/resolved.js'
import { type Answer, refusal } from './answer.js'

/** What of a request decides whether it is listened to. */
export interface RequestHead {
  readonly method: string
  readonly host: string | undefined
  readonly origin: string | undefined
  /** `Sec-Fetch-Site`: browsers say there whose page asks. */
  readonly fetchSite: string | undefined
  readonly contentType: string | undefined
  readonly authorization: string | undefined
}

/** `refused` is the answer to it; what is not refused may see all that there is to see only if it `isTrusted`. */
export type Verdict = { readonly refused: Answer } | { readonly refused: null; readonly isTrusted: boolean }

type Policy = Pick<AdminConfig, 'host' | 'token'>

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** In a time that does not depend on where they differ, nor on how long they are. */
const isEqual = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b))

const bringsToken = (authorization: string | undefined, token: string): boolean => {
  const [, brought] = /^Bearer +(\S+)$/i.exec(authorization ?? '') ?? []
  return brought !== undefined && isEqual(brought, token)
}

const HOST = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::\d{1,5})?$/

/**
 * A page of some other site whose name was made to point at this machine (DNS rebinding) names that site here; an address
 * is nobody's name.
 */
const isOwnHost = (header: string | undefined, own: string): boolean => {
  const [, inBrackets, plain = ''] = HOST.exec(header ?? '') ?? []
  const host = (inBrackets ?? plain).toLowerCase()
  return isIP(host) !== 0 || host === 'localhost' || (host !== '' && host === own.toLowerCase())
}

const isOwnOrigin = (origin: string, host: string | undefined): boolean =>
  URL.canParse(origin) && new URL(origin).host === host?.toLowerCase()

const isForeignPage = ({ origin, fetchSite, host }: RequestHead): boolean =>
  (origin !== undefined && !isOwnOrigin(origin, host)) ||
  (fetchSite !== undefined && fetchSite !== 'same-origin' && fetchSite !== 'none')

const isJson = (contentType: string | undefined): boolean =>
  /^application\/json *(?:; *charset="?utf-8"? *)?$/i.test(contentType ?? '')

/**
 * Whether a request is listened to. Probes need no token, because who asks them (kubelet, a load balancer) can seldom be
 * given one; without it they hear yes or no.
 */
export const judge = (head: RequestHead, { host, token }: Policy, isProbe: boolean): Verdict => {
  const isProven = token !== null && bringsToken(head.authorization, token)
  if (token !== null && !isProven && (!isProbe || head.authorization !== undefined)) {
    const remedy = 'bring the token of the option admin.token: "Authorization: Bearer <token>"'
    return { refused: refusal(401, remedy, { 'www-authenticate': 'Bearer' }) }
  }
  if (!isProven && !isOwnHost(head.host, host)) {
    return { refused: refusal(403, 'the header Host names neither an address nor this server') }
  }
  if (isForeignPage(head)) return { refused: refusal(403, 'pages of other origins are not answered') }
  if (head.method === 'POST' && !isJson(head.contentType)) {
    return { refused: refusal(415, 'send JSON: "Content-Type: application/json"') }
  }
  return { refused: null, isTrusted: token === null || isProven }
}
