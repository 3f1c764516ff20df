import { expect, test } from 'vitest'
import { securedAddresses } from '#scripts/kafka/cluster.js'
import { containerAddresses, createArguments } from '#scripts/kafka/docker-cluster.js'
import { brokerSettings } from '#scripts/kafka/options.js'
import { serverProperties } from '#scripts/kafka/properties.js'
import { type BrokerSecurity, scramArguments } from '#scripts/kafka/security.js'

const security: BrokerSecurity = {
  users: { alice: 'a-1', bob: 'b-2' },
  tls: { cert: 'CERT\nMORE\n', key: 'KEY\n', ca: 'CA\n' },
  listeners: {
    MUTUAL: { protocol: 'SSL', clientCertificates: true },
    LOGIN: { protocol: 'SASL_SSL', mechanisms: ['PLAIN', 'SCRAM-SHA-512'], maxReauthMs: 5_000 },
    TOKEN: { protocol: 'SASL_PLAINTEXT', mechanisms: ['OAUTHBEARER'] },
  },
}
const address = (port: number) => ({ bind: `127.0.0.1:${port}`, advertised: `127.0.0.1:${port}` })
const node = {
  id: 1,
  client: address(9001),
  secured: { MUTUAL: address(9002), LOGIN: address(9003), TOKEN: address(9004) },
  controller: address(9005),
}

test('a secured listener has an address, a protocol and what it demands of clients', () => {
  const lines = serverProperties(node, [node], '/data', brokerSettings({ security }, {})).split('\n')
  const module = 'org.apache.kafka.common.security'
  for (const line of [
    'advertised.listeners=PLAINTEXT://127.0.0.1:9001,MUTUAL://127.0.0.1:9002,LOGIN://127.0.0.1:9003,TOKEN://127.0.0.1:9004',
    'inter.broker.listener.name=PLAINTEXT',
    'listener.security.protocol.map=CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT,PLAINTEXT:PLAINTEXT,MUTUAL:SSL,LOGIN:SASL_SSL,TOKEN:SASL_PLAINTEXT',
    'ssl.keystore.certificate.chain=CERT\\nMORE',
    'ssl.keystore.key=KEY',
    'ssl.truststore.certificates=CA',
    'listener.name.mutual.ssl.client.auth=required',
    'listener.name.login.ssl.client.auth=none',
    'listener.name.login.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512',
    `listener.name.login.plain.sasl.jaas.config=${module}.plain.PlainLoginModule required user_alice="a-1" user_bob="b-2";`,
    `listener.name.login.scram-sha-512.sasl.jaas.config=${module}.scram.ScramLoginModule required;`,
    'listener.name.login.plain.connections.max.reauth.ms=5000',
    'listener.name.login.scram-sha-512.connections.max.reauth.ms=5000',
    `listener.name.token.oauthbearer.sasl.jaas.config=${module}.oauthbearer.OAuthBearerLoginModule required;`,
    'listener.name.token.oauthbearer.connections.max.reauth.ms=0',
  ]) {
    expect(lines).toContain(line)
  }
})

test('a broker without secured listeners has no line of them', () => {
  const text = serverProperties({ ...node, secured: {} }, [node], '/data', brokerSettings({}, {}))
  expect(text).not.toMatch(/ssl|sasl|listener\.name\./)
})

test('the users of SCRAM are made when the data folder is, once for each mechanism that a listener has', () => {
  expect(scramArguments(security)).toEqual([
    ...['--add-scram', 'SCRAM-SHA-512=[name=alice,password=a-1]'],
    ...['--add-scram', 'SCRAM-SHA-512=[name=bob,password=b-2]'],
  ])
  expect(
    scramArguments({ ...security, listeners: { TOKEN: security.listeners.TOKEN ?? { protocol: 'SSL' } } }),
  ).toEqual([])
})

test('the addresses of a listener stand in the order of the nodes', () => {
  const second = { ...node, id: 2, secured: { LOGIN: address(9103) } }
  expect(securedAddresses([{ ...node, secured: { LOGIN: address(9003) } }, second])).toEqual({
    LOGIN: ['127.0.0.1:9003', '127.0.0.1:9103'],
  })
})

test('a container publishes its secured listeners and makes the users', () => {
  const { secured } = containerAddresses(1, 'kafka-x-1', { port: 9001, advertised: 9001 }, { LOGIN: 9003 })
  expect(secured).toEqual({ LOGIN: { bind: ':9003', advertised: '127.0.0.1:9003' } })
  const container = { name: 'kafka-x-1', network: 'kafka-x', ports: [9001, 9003], image: 'i', environment: {} }
  const args = createArguments({ ...container, format: ['--add-scram', 'x'] })
  expect(args.join(' ')).toContain('--publish 127.0.0.1:9001:9001 --publish 127.0.0.1:9003:9003')
  expect(args.slice(-3)).toEqual(['sh', '--add-scram', 'x'])
})
