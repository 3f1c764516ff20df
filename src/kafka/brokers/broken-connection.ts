/** How far a connection has come: `connecting` ends when bytes can be sent, `greeting` with the first answer. */
export type Phase = 'connecting' | 'greeting' | 'open'

const TLS_ALERT = 0x15
const TLS_MAJOR = 0x03
const HTTP = 'HTTP'

/** Codes of errors that may mean: the other side does not speak what we do. */
const SPEAKS_OTHERWISE = /^(ECONNRESET|EPIPE|EPROTO|ERR_SSL_.*)$/

/** Alerts with which a server rejects the certificate of a client, or that there is none (RFC 8446, RFC 5246). */
const CLIENT_CERTIFICATE =
  /^ERR_SSL_.*ALERT_(CERTIFICATE_REQUIRED|NO_CERTIFICATE|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_(UNKNOWN|REVOKED|EXPIRED)|UNKNOWN_CA|ACCESS_DENIED|HANDSHAKE_FAILURE)$/

/** Nobody whom we trust has signed the certificate of the server. */
const UNKNOWN_AUTHORITY =
  /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_GET_ISSUER_CERT(_LOCALLY)?|UNABLE_TO_VERIFY_LEAF_SIGNATURE)$/

const hasCertificate = (ssl: object | boolean): boolean =>
  typeof ssl === 'object' && ['cert', 'pfx'].some((name) => (ssl as Record<string, unknown>)[name] !== undefined)

const WANTED = 'Does the listener want a certificate of this client? Set ssl.cert and ssl.key'

const tlsAdvice = (ssl: object | boolean, code: string): string | null => {
  if (UNKNOWN_AUTHORITY.test(code)) {
    return 'Nobody who is trusted here signed the certificate of the broker: set ssl.ca to the certificate of its authority'
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return 'Connect by a name that is in the certificate of the broker, or set ssl.servername to one'
  }
  if (!CLIENT_CERTIFICATE.test(code)) return null
  if (!hasCertificate(ssl)) return WANTED
  return 'The listener does not accept the certificate of this client: check ssl.cert, and that the broker trusts who signed it'
}

/**
 * What a connection that broke in this phase may mean, and what to set; empty when it says enough by itself.
 *
 * @param cause absent when it was closed in an orderly way
 */
export const hintFor = (
  phase: Phase,
  ssl: object | boolean | null,
  cause: NodeJS.ErrnoException | undefined,
): string => {
  const code = cause?.code ?? ''
  const advice = ssl ? tlsAdvice(ssl, code) : null
  if (advice !== null) return `. ${advice}`
  if (phase === 'open' || (cause !== undefined && !SPEAKS_OTHERWISE.test(code))) return ''
  if (phase === 'connecting') return ssl ? ' (does the listener speak TLS?)' : ''
  const before = ' before it said which versions it speaks'
  if (!ssl) return `${before} (is it a Kafka broker, and one that wants no TLS?)`
  // Under TLS 1.3 it is only now that a server says that it wanted a certificate, and a reset may swallow that.
  return `${before} (is it a Kafka broker?)${hasCertificate(ssl) ? '' : `. ${WANTED}`}`
}

/** Who answers when it is not a Kafka broker, judged by the first bytes that come back. */
export const strangerBehind = (bytes: Buffer): string => {
  if (bytes[0] === TLS_ALERT && bytes[1] === TLS_MAJOR) return 'the listener speaks TLS, and option ssl is not set'
  if (bytes.toString('latin1', 0, HTTP.length) === HTTP) return 'an HTTP server answers there, not a Kafka broker'
  return `what answers there is not a Kafka broker; it says ${JSON.stringify(bytes.toString('latin1'))}`
}
