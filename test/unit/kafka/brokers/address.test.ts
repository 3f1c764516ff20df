import { describe, expect, it } from 'vitest'
import { formatAddress, parseAddress } from '#src/kafka/brokers/address.js'

describe('a broker’s address', () => {
  it.each([
    ['kafka:9093', { host: 'kafka', port: 9093 }],
    ['kafka', { host: 'kafka', port: 9092 }],
    [' 10.0.0.1:19092 ', { host: '10.0.0.1', port: 19092 }],
    ['[::1]:9092', { host: '::1', port: 9092 }],
    ['SASL_SSL://kafka:9093', { host: 'kafka', port: 9093 }],
  ])('%j is read', (text, address) => {
    expect(parseAddress(text)).toEqual(address)
    expect(parseAddress(formatAddress(address))).toEqual(address)
  })
})
