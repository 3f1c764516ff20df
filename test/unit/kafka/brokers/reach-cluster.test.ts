import { describe, expect, it, vi } from 'vitest'
import { parseAddress } from '#src/kafka/brokers/address.js'
import { reachCluster } from '#src/kafka/brokers/reach-cluster.js'
import { KafkaError } from '#src/kafka/kafka-error.js'

describe('reaching the cluster', () => {
  const times = { retries: 2, initialRetryMs: 5, maxRetryMs: 10 }
  const addresses = ['a:1', 'b:2', 'c:3'].map(parseAddress)
  const down = () => Promise.reject(new KafkaError('CONNECTION', -1, true, 'down'))
  const { signal } = new AbortController()
  const onRetry = () => {}

  it('tries every address again as often as `retries` says, with growing pauses, and no more', async () => {
    const attempt = vi.fn((_: { host: string }) => down())
    const onRetry = vi.fn()
    const unreachable = /trying 3 times \(retry\.retries is 2\): a:1 — down; b:2 — down; c:3 — down/
    await expect(reachCluster(addresses, { times, attempt, onRetry, signal })).rejects.toThrow(unreachable)
    expect(attempt.mock.calls.map(([{ host }]) => host).join('')).toBe('abcabcabc')
    expect(onRetry.mock.calls.map(([, pauseMs]) => pauseMs)).toEqual([5, 10])
  })

  it('goes over every address once when there are no retries', async () => {
    const attempt = vi.fn(down)
    await expect(
      reachCluster(addresses, { times: { ...times, retries: 0 }, attempt, onRetry, signal }),
    ).rejects.toThrow('no broker could be reached, trying once: ')
    expect(attempt).toHaveBeenCalledTimes(3)
  })

  it('stops at the first refusal', async () => {
    const attempt = vi.fn(() => Promise.reject(new KafkaError('CLUSTER_AUTHORIZATION_FAILED', 31, false, 'no')))
    const reaching = reachCluster(addresses, { times, attempt, onRetry, signal })
    await expect(reaching).rejects.toMatchObject({ code: 'KCP_BROKER_REFUSED' })
    expect(attempt).toHaveBeenCalledTimes(1)
  })
})
