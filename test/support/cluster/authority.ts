import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { isIP } from 'node:net'

/*
 * Certificates made on the spot, without a tool: X.509 version 3 (RFC 5280) in DER, with keys on the curve P-256.
 */

const DAY_MS = 86_400_000

const element = (tag: number, ...contents: Uint8Array[]): Buffer => {
  const content = Buffer.concat(contents)
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}
const sequence = (...contents: Uint8Array[]): Buffer => element(0x30, ...contents)
const octets = (content: Uint8Array): Buffer => element(0x04, content)
const bits = (content: Uint8Array): Buffer => element(0x03, Buffer.of(0), content)
const objectId = (hex: string): Buffer => element(0x06, Buffer.from(hex, 'hex'))
const TRUE = element(0x01, Buffer.of(0xff))

const ECDSA_WITH_SHA256 = sequence(objectId('2a8648ce3d040302'))

const nameOf = (commonName: string): Buffer =>
  sequence(element(0x31, sequence(objectId('550403'), element(0x0c, Buffer.from(commonName)))))

/** UTCTime, from a day ago for ten days. */
const validity = (): Buffer => {
  const time = (ms: number) => Buffer.from(`${new Date(ms).toISOString().replace(/\D/g, '').slice(2, 14)}Z`)
  return sequence(element(0x17, time(Date.now() - DAY_MS)), element(0x17, time(Date.now() + 10 * DAY_MS)))
}

const AUTHORITY_EXTENSION = sequence(objectId('551d13'), TRUE, octets(sequence(TRUE)))

const hostsExtension = (hosts: readonly string[]): Buffer => {
  const names = hosts.map((host) =>
    isIP(host) === 4 ? element(0x87, Buffer.from(host.split('.').map(Number))) : element(0x82, Buffer.from(host)),
  )
  return sequence(objectId('551d11'), octets(sequence(...names)))
}

interface Wanted {
  readonly subject: string
  readonly publicKey: KeyObject
  readonly extension: Buffer
}

const pem = (der: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{64}(?=.)/g, '$&\n')}\n-----END CERTIFICATE-----\n`

const certificate = ({ subject, publicKey, extension }: Wanted, issuer: string, issuerKey: KeyObject): string => {
  const version3 = element(0xa0, element(0x02, Buffer.of(2)))
  const serial = element(0x02, Buffer.concat([Buffer.of(1), randomBytes(8)]))
  const key = publicKey.export({ type: 'spki', format: 'der' })
  const names = [nameOf(issuer), validity(), nameOf(subject)]
  const signed = sequence(version3, serial, ECDSA_WITH_SHA256, ...names, key, element(0xa3, sequence(extension)))
  return pem(sequence(signed, ECDSA_WITH_SHA256, bits(sign('sha256', signed, issuerKey))))
}

/** A certificate and its key as PEM text. */
export interface Identity {
  readonly cert: string
  readonly key: string
}

/** A certificate authority of the test's own. */
export class Authority {
  /** Its own certificate as PEM text. */
  readonly ca: string
  readonly #name: string
  readonly #key: KeyObject

  constructor(name: string) {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    this.#name = name
    this.#key = privateKey
    this.ca = certificate({ subject: name, publicKey, extension: AUTHORITY_EXTENSION }, name, privateKey)
  }

  /**
   * @param hosts names and IPv4 addresses of a server; a client has any
   * @param passphrase encrypts the key
   */
  issue(subject: string, hosts: readonly string[], passphrase?: string): Identity {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const cert = certificate({ subject, publicKey, extension: hostsExtension(hosts) }, this.#name, this.#key)
    const encryption = passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase }
    return { cert, key: privateKey.export({ type: 'pkcs8', format: 'pem', ...encryption }).toString() }
  }
}
