import { expect, test } from 'vitest'
import { BrokerError } from '#scripts/broker.js'
import { javaMajor } from '#scripts/kafka/java.js'
import { brokerSettings } from '#scripts/kafka/options.js'
import { chooseProvider, type Machine } from '#scripts/kafka/provider.js'

const JAVA_17 = 'openjdk version "17.0.15" 2025-04-15'
const JAVA_11 = 'openjdk version "11.0.2" 2019-01-15'

const machine = (has: { java?: string; maven?: string; docker?: string; cached?: boolean } = {}): Machine => ({
  java: async () => has.java ?? null,
  maven: async () => has.maven ?? null,
  docker: async () => has.docker ?? null,
  cached: has.cached ?? false,
})
const everything = machine({ java: JAVA_17, maven: '3.8.7', docker: '28.2.2', cached: true })

test.each([
  ['KAFKA_BROKERS before everything', { KAFKA_BROKERS: 'a:1, b:2,', KAFKA_HOME: '/k' }, everything, 'external'],
  ['KAFKA_HOME before the jars', { KAFKA_HOME: '/k' }, everything, 'home'],
  ['Java with Maven before Docker', {}, everything, 'jars'],
  ['Java alone when the jars are there', {}, machine({ java: JAVA_17, cached: true }), 'jars'],
  ['Docker when Maven is missing', {}, machine({ java: JAVA_17, docker: '28' }), 'docker'],
  ['Docker when Java is too old', {}, machine({ java: JAVA_11, maven: '3', docker: '28' }), 'docker'],
  ['an empty KAFKA_BROKERS is none', { KAFKA_BROKERS: '' }, everything, 'jars'],
])('takes %s', async (_, env, on, kind) => {
  expect((await chooseProvider(env, on)).kind).toBe(kind)
})

test('splits KAFKA_BROKERS into addresses', async () => {
  const provider = await chooseProvider({ KAFKA_BROKERS: 'a:1, b:2,' }, machine())
  expect(provider).toEqual({ kind: 'external', brokers: ['a:1', 'b:2'] })
})

test.each([
  ['nothing at all', machine(), /found no Java and no Docker engine/],
  ['an old Java', machine({ java: JAVA_11, maven: '3' }), /found Java 11 and no Docker engine/],
  ['no Maven', machine({ java: JAVA_17 }), /found no Maven \(mvn\) and no Docker engine/],
])('says what to install on a machine with %s', async (_, on, found) => {
  const choice = chooseProvider({}, on)
  await expect(choice).rejects.toThrow(BrokerError)
  await expect(choice).rejects.toThrow(found)
  await expect(choice).rejects.toThrow(/apt-get install default-jre-headless maven/)
  await expect(choice).rejects.toThrow(/brew install openjdk maven/)
  await expect(choice).rejects.toThrow(/KAFKA_BROKERS=host:port/)
})

test('does not fall back from a KAFKA_HOME that cannot run', async () => {
  await expect(chooseProvider({ KAFKA_HOME: '/k' }, machine({ docker: '28' }))).rejects.toThrow(/KAFKA_HOME is set/)
})

test.each([
  [JAVA_17, 17],
  [JAVA_11, 11],
  ['java version "1.8.0_292"', 8],
  ['openjdk version "21" 2023-09-19', 21],
  ['Picked up JAVA_TOOL_OPTIONS: -Xint\nopenjdk version "17.0.1"', 17],
  ['The operation couldn’t be completed. Unable to locate a Java Runtime.', null],
])('reads the version in %j', (printed, major) => {
  expect(javaMajor(printed)).toBe(major)
})

test('the version comes from the option, else from KAFKA_VERSION, else it is the newest known', () => {
  expect(brokerSettings({ version: '3.8.0' }, { KAFKA_VERSION: '3.9.1' }).version).toBe('3.8.0')
  expect(brokerSettings({}, { KAFKA_VERSION: '3.9.1' }).version).toBe('3.9.1')
  expect(brokerSettings({}, { KAFKA_VERSION: '' }).version).toBe('4.3.0')
})

test.each(['latest', '4.1', '../../etc', '4.3.0; rm'])('refuses the version %j', (version) => {
  expect(() => brokerSettings({ version }, {})).toThrow(`got "${version}"`)
})
