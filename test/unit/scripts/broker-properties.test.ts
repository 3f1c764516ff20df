import { expect, test } from 'vitest'
import { containerAddresses, createArguments } from '#scripts/kafka/docker-cluster.js'
import { brokerSettings, clientPortOf } from '#scripts/kafka/options.js'
import { freePorts, isFree } from '#scripts/kafka/ports.js'
import { type NodeAddresses, serverProperties } from '#scripts/kafka/properties.js'
import { toolCommand } from '#scripts/kafka/tools.js'

const loopback = (id: number): NodeAddresses => {
  const client = `127.0.0.1:${9000 + id}`
  const controller = `127.0.0.1:${9100 + id}`
  return {
    id,
    client: { bind: client, advertised: client },
    secured: {},
    controller: { bind: controller, advertised: controller },
  }
}

const parsed = (text: string): Record<string, string> =>
  Object.fromEntries(
    text
      .trimEnd()
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )

const settings = brokerSettings({}, {})

test('one node keeps one replica of everything and listens on loopback only', () => {
  const properties = parsed(serverProperties(loopback(1), [loopback(1)], '/data', settings))
  expect(properties).toMatchObject({
    'node.id': '1',
    listeners: 'PLAINTEXT://127.0.0.1:9001,CONTROLLER://127.0.0.1:9101',
    'advertised.listeners': 'PLAINTEXT://127.0.0.1:9001',
    'default.replication.factor': '1',
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '1000',
  })
})

test('three nodes vote together, keep three replicas and can lose one', () => {
  const nodes = [1, 2, 3].map(loopback)
  const properties = parsed(serverProperties(loopback(2), nodes, '/data', settings))
  expect(properties).toMatchObject({
    'node.id': '2',
    'controller.quorum.voters': '1@127.0.0.1:9101,2@127.0.0.1:9102,3@127.0.0.1:9103',
    'offsets.topic.replication.factor': '3',
    'transaction.state.log.min.isr': '2',
  })
})

test('options reach the file, and given properties win over everything', () => {
  const given = brokerSettings(
    { rebalanceDelayMs: 300, minSessionTimeoutMs: 50, properties: { 'log.retention.ms': 5, 'message.max.bytes': 9 } },
    {},
  )
  expect(parsed(serverProperties(loopback(1), [loopback(1)], '/data', given))).toMatchObject({
    'group.initial.rebalance.delay.ms': '300',
    'group.min.session.timeout.ms': '50',
    'log.retention.ms': '5',
    'message.max.bytes': '9',
  })
})

test('clients may be told the port of something that stands before a node; each has one then', () => {
  const clientPorts = [
    { port: 9001, advertised: 9001 },
    { port: 9002, advertised: 9999 },
    { port: 9003, advertised: 9003 },
  ]
  const told = brokerSettings({ nodes: 3, clientPorts }, {})
  expect([0, 1].map((index) => clientPortOf(told, index, 5))).toEqual(clientPorts.slice(0, 2))
  expect(clientPortOf(brokerSettings({ port: 9001 }, {}), 1, 5)).toEqual({ port: 9002, advertised: 9002 })
  expect(clientPortOf(settings, 1, 5)).toEqual({ port: 5, advertised: 5 })
  expect(() => brokerSettings({ clientPorts }, {})).toThrow('expected one for each of 1 nodes, got 3')
})

test('containers talk to each other by name and to clients on a loopback port', () => {
  const node = containerAddresses(1, 'kafka-x-1', { port: 9001, advertised: 9001 }, {})
  const properties = parsed(serverProperties(node, [node], '/data', settings))
  expect(properties).toMatchObject({
    listeners: 'PLAINTEXT://:9001,INTERNAL://:19092,CONTROLLER://:19093',
    'advertised.listeners': 'PLAINTEXT://127.0.0.1:9001,INTERNAL://kafka-x-1:19092',
    'inter.broker.listener.name': 'INTERNAL',
    'controller.quorum.voters': '1@kafka-x-1:19093',
  })
  const image = 'apache/kafka:4.3.0'
  const container = { name: 'kafka-x-1', network: 'kafka-x', ports: [9001], image, environment: { A: 'b' }, format: [] }
  const args = createArguments(container).join(' ')
  expect(args).toContain('--publish 127.0.0.1:9001:9001 --env A=b --entrypoint /bin/sh apache/kafka:4.3.0 -c')
})

test('free ports are different, free and below the range of outgoing connections', async () => {
  const ports = await freePorts(6)
  expect(new Set(ports).size).toBe(6)
  for (const port of ports) {
    expect(port).toBeGreaterThanOrEqual(15_000)
    expect(port).toBeLessThan(32_000)
    expect(await isFree(port)).toBe(true)
  }
})

test('a tool is called with the address of the broker, from the jars or in the container', () => {
  const java = { command: 'java', classPath: '/jars/*', options: [] }
  const fromJars = toolCommand({ kind: 'java', java, bootstrap: 'h:1' }, 'kafka-topics', ['--list'])
  expect(fromJars.args.slice(-4)).toEqual([
    'org.apache.kafka.tools.TopicCommand',
    '--bootstrap-server',
    'h:1',
    '--list',
  ])
  const inside = toolCommand({ kind: 'docker', container: 'c', bootstrap: 'c:19092' }, 'kafka-topics', ['--list'])
  expect([inside.command, ...inside.args].join(' ')).toBe(
    'docker exec c /opt/kafka/bin/kafka-topics.sh --bootstrap-server c:19092 --list',
  )
})
