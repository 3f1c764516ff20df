// A module for sasl.oauthBearerProvider: unsecured tokens (RFC 7515, "alg": "none"), which brokers of tests take.
const part = (json) => Buffer.from(JSON.stringify(json)).toString('base64url')

export default async function token() {
  const now = Date.now() / 1000
  return { value: `${part({ alg: 'none' })}.${part({ sub: 'alice', iat: now, exp: now + 3600 })}.` }
}
