import { createPrivateKey, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { Authority } from '../../support/cluster/authority.js'

test('an authority is one, and what it issues bears its signature, the hosts and the key', () => {
  const authority = new Authority('tests')
  const { cert, key } = authority.issue('broker', ['127.0.0.1', 'localhost'])
  const [issuer, issued] = [new X509Certificate(authority.ca), new X509Certificate(cert)]
  expect([issuer.ca, issued.ca]).toEqual([true, false])
  expect([issuer.verify(issuer.publicKey), issued.verify(issuer.publicKey)]).toEqual([true, true])
  expect(issued.checkIssued(issuer)).toBe(true)
  expect([issued.checkIP('127.0.0.1'), issued.checkHost('localhost')]).toEqual(['127.0.0.1', 'localhost'])
  expect([issued.checkIP('127.0.0.2'), issued.checkHost('elsewhere')]).toEqual([undefined, undefined])
  expect(issued.checkPrivateKey(createPrivateKey(key))).toBe(true)
  expect(new X509Certificate(new Authority('tests').issue('broker', []).cert).verify(issuer.publicKey)).toBe(false)
})

test('a server and a client with certificates of one authority trust each other', async () => {
  const authority = new Authority('tests')
  const { ca } = authority
  const server = createServer({ ...authority.issue('server', ['127.0.0.1']), ca, requestCert: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const client = authority.issue('client', [], 'a passphrase')
  const { port } = server.address() as AddressInfo
  const socket = connect({ ...client, passphrase: 'a passphrase', ca, port, host: '127.0.0.1' })
  onTestFinished(() => void socket.destroy())
  const [[accepted]] = await Promise.all([once(server, 'secureConnection'), once(socket, 'secureConnect')])
  expect([socket.authorized, accepted.authorized]).toEqual([true, true])
  accepted.destroy()
})
