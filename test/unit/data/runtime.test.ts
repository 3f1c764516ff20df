import { afterEach, describe, expect, test } from 'vitest'
import type { SlotConfig } from '#src/config/resolved.js'
import type { Handler, HandlerModule } from '#src/data/handler.js'
import { Runtime, type RuntimePorts } from '#src/data/runtime.js'
import { PoolError } from '#src/errors.js'
import type { DataClient } from '#src/kafka/client.js'
import { Control } from '#src/protocol/ledger.js'
import { FakeCluster } from '../../support/data/fake-cluster.js'
import { MainSide } from '../../support/data/main-side.js'
import { rounds, soon } from '../../support/data/soon.js'
import { threadConfig } from '../../support/data/thread-config.js'

const open: { main: MainSide; running: Promise<unknown> }[] = []
afterEach(async () => {
  for (const { main, running } of open.splice(0)) {
    main.hangUp()
    await running.catch(() => {})
  }
})

const start = (
  handler: Handler,
  more: {
    config?: Partial<SlotConfig>
    cluster?: FakeCluster
    ports?: Partial<RuntimePorts>
    hooks?: Partial<HandlerModule>
  } = {},
) => {
  const cluster = more.cluster ?? new FakeCluster(2)
  const main = new MainSide(threadConfig(more.config))
  const runtime = new Runtime(main.task, {
    loadHandler: async () => ({ handler, ...more.hooks }),
    createClient: () => cluster.client(),
    effectiveConfig: (config, clientId) => ({ ...config, clientId }),
    giveWay: () => {},
    ...more.ports,
  })
  const running = runtime.run()
  running.catch(() => {})
  open.push({ main, running })
  return { cluster, main, running }
}

describe('a thread that fills a slot', () => {
  test('says that it is ready and with which configuration, handles what it is given, and returns when told to', async () => {
    const handled: string[] = []
    const { cluster, main, running } = start(({ partition, offset }) => void handled.push(`${partition}@${offset}`))
    expect(await main.ready()).toMatchObject({ effective: { clientId: 'test-00-1-a', concurrency: 1 } })
    const page = await main.assign([0, 1])
    cluster.produce(0, 2)
    cluster.produce(1, 1)
    await soon('all are finished', () => page.finishedUpTo(0) === 2n && page.finishedUpTo(1) === 1n)
    expect(handled.toSorted()).toEqual(['0@0', '0@1', '1@0'])
    main.say({ type: 'stop' })
    expect(await running).toBe('stopped')
    expect(cluster.closed).toBe(true)
    await soon('the port is closed', () => main.closed)
  })

  test('stops when main closes the port', async () => {
    const { main, running } = start(() => {})
    await main.ready()
    main.hangUp()
    expect(await running).toBe('stopped')
  })

  test('answers quiesce when the handler in flight has come back, and goes on where it was when it is told to', async () => {
    let release = () => {}
    const begun: string[] = []
    const { cluster, main } = start(({ offset }) => {
      begun.push(offset)
      return offset === '0' ? new Promise<void>((resolve) => (release = resolve)) : undefined
    })
    await main.ready()
    const page = await main.assign([0])
    cluster.produce(0, 3)
    await soon('the first has begun', () => begun.length === 1)
    main.ledger.raise(Control.rebalance)
    const quiet = main.quiesce()
    await rounds(20)
    expect(main.of('done').length).toBe(1)
    release()
    await quiet
    expect([page.finishedUpTo(0), begun.length]).toEqual([1n, 1])
    main.ledger.clear(Control.rebalance)
    main.say({ type: 'go-on' })
    await soon('the others are finished', () => page.finishedUpTo(0) === 3n)
    expect(begun).toEqual(['0', '1', '2'])
  })

  test('answers revoke when the handler in flight has come back, and lets the other partitions go on', async () => {
    let release = () => {}
    const begun: string[] = []
    const { cluster, main } = start(({ partition, offset }) => {
      begun.push(`${partition}@${offset}`)
      return partition === 0 ? new Promise<void>((resolve) => (release = resolve)) : undefined
    })
    await main.ready()
    const page = await main.assign([0, 1])
    cluster.produce(0, 2)
    await soon('the first has begun', () => begun.length === 1)
    const revoked = main.revoke(0)
    await rounds(20)
    expect(main.of('done').length).toBe(1)
    release()
    await revoked
    expect(page.finishedUpTo(0)).toBe(1n)
    cluster.produce(1, 2)
    await soon('the other is finished', () => page.finishedUpTo(1) === 2n)
    expect(begun).toEqual(['0@0', '1@0', '1@1'])
  })

  test('goes to the leaders that it was told of while it was connecting', async () => {
    const cluster = new FakeCluster(1, () => 2)
    cluster.produce(0, 3)
    const learned: unknown[] = []
    let connect = () => {}
    const connected = new Promise<void>((resolve) => (connect = resolve))
    const connection = {
      ...cluster.client(),
      connect: () => connected,
      learn: (view: unknown) => learned.push(view),
    }
    const { main } = start(() => {}, { cluster, ports: { createClient: () => connection } })
    await soon('it is connecting', () => main.of('loaded').length === 1)
    const brokers = [{ nodeId: 2, host: 'there', port: 9092 }]
    const topics = [{ topic: 't', error: null, partitions: [{ partition: 0, leader: 2 }] }]
    main.say({ type: 'leaders', view: { brokers, topics } })
    const page = await main.assign([0])
    connect()
    await soon('all are finished', () => page.finishedUpTo(0) === 3n)
    expect(learned).toEqual([{ brokers, topics }])
    expect([cluster.lookUps, cluster.fetches[0]?.node]).toEqual([0, 2])
  })

  test('logs at the level that it is told of', async () => {
    const { cluster, main } = start((message, { log }) => log.debug(message.offset))
    await main.ready()
    const page = await main.assign([0])
    cluster.produce(0, 1)
    await soon('one is finished', () => page.finishedUpTo(0) === 1n)
    main.say({ type: 'log-level', logLevel: 'debug' })
    await main.quiesce()
    cluster.produce(0, 1)
    await soon('both are finished', () => page.finishedUpTo(0) === 2n)
    await soon('a line has come', () => main.of('log').length > 0)
    expect(main.of('log').map(({ line }) => JSON.parse(line))).toMatchObject([{ level: 20, msg: '1' }])
  })

  test('drops the partitions that are removed and keeps the others', async () => {
    const { cluster, main } = start(() => {})
    await main.ready()
    const page = await main.assign([0, 1])
    cluster.produce(0, 1)
    await soon('it is handled', () => page.finishedUpTo(0) === 1n)
    await main.assign([], [0])
    cluster.produce(0, 1)
    cluster.produce(1, 1)
    await soon('the other one is handled', () => page.finishedUpTo(1) === 1n)
    await rounds(20)
    expect(page.finishedUpTo(0)).toBe(1n)
  })

  test('waits for the handler in flight before it returns', async () => {
    let release = () => {}
    const { cluster, main, running } = start(() => new Promise<void>((resolve) => (release = resolve)))
    await main.ready()
    await main.assign([0])
    cluster.produce(0, 2)
    await soon('it has begun', () => main.ledger.flights().length === 1)
    let returned = false
    void running.then(() => {
      returned = true
    })
    main.say({ type: 'stop' })
    await rounds(20)
    expect(returned).toBe(false)
    release()
    expect(await running).toBe('stopped')
    expect(main.ledger.flights()).toEqual([])
  })
})

describe('before it is ready, a thread', () => {
  test('keeps trying to connect while no broker is there, and says so once, and once when one is there', async () => {
    let failures = 3
    const cluster = new FakeCluster(1)
    const client: DataClient = {
      ...cluster.client(),
      connect: async () => {
        if (failures-- > 0) throw new PoolError('KCP_BROKER_UNREACHABLE', 'nobody at 127.0.0.1:1')
      },
    }
    const { main } = start(() => {}, { ports: { createClient: () => client } })
    await main.ready()
    expect(main.of('log').filter(({ line }) => line.includes('nobody at 127.0.0.1:1')).length).toBe(1)
    expect(main.of('log').filter(({ line }) => line.includes('connected to Kafka at last')).length).toBe(1)
  })

  test.each(['KCP_MODULE_NOT_USABLE', 'KCP_KAFKAJS_MISMATCH'] as const)('gives up at once after %s', async (code) => {
    const client: DataClient = {
      ...new FakeCluster(1).client(),
      connect: () => Promise.reject(new PoolError(code, 'no')),
    }
    const { running } = start(() => {}, { ports: { createClient: () => client } })
    await expect(running).rejects.toMatchObject({ code })
  })

  test('stops although no broker is there', async () => {
    const client: DataClient = {
      ...new FakeCluster(1).client(),
      connect: () => new Promise(() => {}),
    }
    const { main, running } = start(() => {}, { ports: { createClient: () => client } })
    await rounds()
    main.say({ type: 'stop' })
    expect(await running).toBe('stopped')
  })

  test('takes assignments up and answers, for main does not wait with them', async () => {
    let load = (_: HandlerModule) => {}
    const { cluster, main } = start(() => {}, {
      ports: { loadHandler: () => new Promise((resolve) => (load = resolve)) },
    })
    const page = await main.assign([0])
    await main.quiesce()
    cluster.produce(0, 1)
    load({ handler: () => {} })
    await soon('it is handled', () => page.finishedUpTo(0) === 1n)
  })

  test('rejects when its handler cannot be loaded', async () => {
    const error = new PoolError('KCP_HANDLER_NOT_FOUND', 'no such file')
    const { running, main } = start(() => {}, { ports: { loadHandler: () => Promise.reject(error) } })
    await expect(running).rejects.toBe(error)
    await soon('the port is closed', () => main.closed)
  })
})

test('a batch that could not be read is read when its partition is assigned anew, and nothing before it comes again', async () => {
  const handled: string[] = []
  const { cluster, main } = start(({ offset }) => void handled.push(offset))
  cluster.partition(0).undecodable = new PoolError('KCP_CODEC_MISSING', 'no codec')
  cluster.produce(0, 2)
  await main.ready()
  const page = await main.assign([0])
  await soon('it stands still', () => main.of('partition-paused').length === 1)
  await soon('what is before it is finished', () => page.finishedUpTo(0) === 2n)
  cluster.partition(0).undecodable = null
  cluster.produce(0, 1)
  const anew = await main.assign([0], [0], 2)
  await soon('it is read', () => anew.finishedUpTo(0) === 3n)
  expect(handled).toEqual(['0', '1', '2'])
})

test('a fault of our own is reported loudly and ends the task, not the thread', async () => {
  const cluster = new FakeCluster(1)
  const client: DataClient = { ...cluster.client(), fetch: async () => [null as never] }
  const { main, running } = start(() => {}, { cluster, ports: { createClient: () => client } })
  await main.ready()
  await main.assign([0])
  await expect(running).rejects.toMatchObject({ code: 'KCP_INTERNAL' })
  expect(main.of('log').some(({ line }) => line.includes('fault in the data plane'))).toBe(true)
})

test('a message that it does not know is such a fault, and not dropped in silence', async () => {
  const { main, running } = start(() => {}, { cluster: new FakeCluster(1) })
  await main.ready()
  main.say({ type: 'news' } as never)
  await expect(running).rejects.toMatchObject({ code: 'KCP_INTERNAL' })
  await soon('it is told', () => main.of('log').some(({ line }) => line.includes('nothing is known of news')))
})

describe('a thread whose handler module has setup and teardown', () => {
  /** What happened, in order. */
  const journal = () => {
    const did: string[] = []
    const hooks: Partial<HandlerModule> = {
      setup: async ({ slot, incarnation, clientId }) => {
        did.push('setup begins')
        await rounds(5)
        did.push(`set up ${slot} ${incarnation} ${clientId}`)
      },
      teardown: async () => {
        await rounds(5)
        did.push('torn down')
      },
    }
    return { did, hooks }
  }
  const SET_UP = ['setup begins', 'set up 0 1 test-00-1-a']

  test('sets up before it is ready and before the first message, and tears down after the last one', async () => {
    const { did, hooks } = journal()
    let release = () => {}
    const handler: Handler = async ({ offset }) => {
      await new Promise<void>((resolve) => (release = resolve))
      did.push(`handled ${offset}`)
    }
    const { cluster, main, running } = start(handler, { hooks })
    await main.assign([0])
    cluster.produce(0, 1)
    await main.ready()
    expect(did.slice(0, 2)).toEqual(SET_UP)
    await soon('it is in flight', () => main.ledger.flights().length === 1)
    main.ledger.raise(Control.stop)
    main.say({ type: 'stop' })
    await rounds(20)
    expect(did).toEqual(SET_UP)
    release()
    expect(await running).toBe('stopped')
    expect(did).toEqual([...SET_UP, 'handled 0', 'torn down'])
  })

  test('gives the slot back with an error that names the module when setup fails, without a teardown', async () => {
    const { did, hooks } = journal()
    const setup = () => Promise.reject(new TypeError('no database today'))
    const config = { handler: 'file:///orders.mjs' }
    const { running, main } = start(() => {}, { config, hooks: { ...hooks, setup } })
    await expect(running).rejects.toMatchObject({
      code: 'KCP_HANDLER_SETUP_FAILED',
      message: expect.stringMatching(/orders\.mjs failed: no database today/),
      cause: { name: 'TypeError' },
    })
    expect([main.of('loaded'), did]).toEqual([[], []])
  })

  test('that is stopped during setup waits for that and tears down what it has set up', async () => {
    const { did, hooks } = journal()
    let release = () => {}
    const setup = async () => {
      did.push('setup begins')
      await new Promise<void>((resolve) => (release = resolve))
    }
    const { main, running } = start(() => {}, { hooks: { ...hooks, setup } })
    await soon('setup has begun', () => did.length === 1)
    main.say({ type: 'stop' })
    await rounds(20)
    expect(did).toEqual(['setup begins'])
    release()
    expect(await running).toBe('stopped')
    expect(did).toEqual(['setup begins', 'torn down'])
    expect(main.of('ready')).toEqual([])
  })

  test('tears down when it loses all of its partitions, and sets up again before the next message', async () => {
    const { did, hooks } = journal()
    const cluster = new FakeCluster(3)
    const { main } = start(({ partition }) => void did.push(`handled ${partition}`), { hooks, cluster })
    await main.ready()
    await main.assign([0, 1])
    await main.assign([], [0])
    await rounds(20)
    expect(did).toEqual(SET_UP)
    await main.assign([], [1])
    await soon('it is torn down', () => did.includes('torn down'))
    cluster.produce(2, 1)
    await main.assign([2])
    await soon('it is handled', () => did.includes('handled 2'))
    expect(did).toEqual([...SET_UP, 'torn down', ...SET_UP, 'handled 2'])
  })

  test('does not tear down under a handler that is still in flight, nor when partitions come before that', async () => {
    const { did, hooks } = journal()
    let release = () => {}
    const { cluster, main } = start(
      ({ partition }) =>
        partition === 0 ? new Promise<void>((resolve) => (release = resolve)) : void did.push(`handled ${partition}`),
      { hooks, config: { concurrency: 2 } },
    )
    await main.ready()
    await main.assign([0])
    cluster.produce(0, 1)
    await soon('it is in flight', () => main.ledger.flights().length === 1)
    await main.assign([], [0])
    cluster.produce(1, 1)
    await main.assign([1])
    await soon('the other one is handled', () => did.includes('handled 1'))
    release()
    await rounds(20)
    expect(did).toEqual([...SET_UP, 'handled 1'])
  })

  test('tears down although it noticed before main told it that everything is gone', async () => {
    const { did, hooks } = journal()
    const revoke = () => {
      page.revoke(0)
      main.ledger.raise(Control.revoked)
    }
    const { cluster, main } = start(() => revoke(), { hooks })
    await main.ready()
    const page = await main.assign([0])
    cluster.produce(0, 1)
    await soon('the thread has looked', () => main.ledger.control === 0 && page.isRevoked(0))
    await main.assign([], [0])
    await soon('it is torn down', () => did.includes('torn down'))
    expect(page.finishedUpTo(0)).toBe(0n)
  })

  test('begins no message beside a teardown that is still to come, however fast partitions come and go', async () => {
    const did: string[] = []
    const comeBack: (() => void)[] = []
    const step = (what: string) => async () => {
      did.push(`${what} begins`)
      await new Promise<void>((resolve) => comeBack.push(resolve))
      did.push(`${what} ends`)
    }
    const finish = async (what: string) => {
      await soon(`${what} has begun`, () => comeBack.length === 1 && did.at(-1) === `${what} begins`)
      comeBack.shift()?.()
      await rounds(50)
    }
    const cluster = new FakeCluster(3, (partition) => partition)
    cluster.produce(2, 1)
    const hooks = { setup: step('setup'), teardown: step('teardown') }
    const { main } = start(({ partition }) => void did.push(`handled ${partition}`), { hooks, cluster })
    await finish('setup')
    await main.ready()
    await main.assign([0])
    await main.assign([], [0])
    await main.assign([1])
    await main.assign([], [1])
    await main.assign([2])
    await soon('a message waits', () => cluster.fetchesOf(2).some(({ request }) => request.partitions[0]?.offset === 1))
    for (const what of ['teardown', 'setup', 'teardown', 'setup']) {
      expect(did).not.toContain('handled 2')
      await finish(what)
    }
    await soon('it is handled', () => did.at(-1) === 'handled 2')
    main.say({ type: 'stop' })
    await finish('teardown')
  })

  test('logs what teardown throws, and stops all the same', async () => {
    const { hooks } = journal()
    const teardown = () => {
      throw new Error('already closed')
    }
    const { main, running } = start(() => {}, { hooks: { ...hooks, teardown } })
    await main.ready()
    main.say({ type: 'stop' })
    expect(await running).toBe('stopped')
    await soon('it is logged', () => main.of('log').some(({ line }) => line.includes('already closed')))
  })
})
