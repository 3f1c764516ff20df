import { expectTypeOf, test } from 'vitest'
import type { FetchContext } from '#src/data/fetching/fetch-context.js'
import type { RuntimePorts } from '#src/data/runtime.js'
import type { DataClient } from '#src/kafka/client.js'
import type { GroupClient } from '#src/kafka/group.js'

/*
 * It is the type check of the tests that fails when this is broken. A thread that could commit could commit what another
 * thread has not finished, or what its seat has lost.
 */

test('a thread has a client with which it cannot commit, nor be a member of a group', () => {
  expectTypeOf<keyof DataClient & keyof GroupClient>().toEqualTypeOf<never>()
  expectTypeOf<keyof DataClient>().toEqualTypeOf<
    | 'clientId'
    | 'connect'
    | 'close'
    | 'topics'
    | 'view'
    | 'learn'
    | 'listOffsets'
    | 'endsOfEpochs'
    | 'fetch'
    | 'arrivingBytes'
  >()
})

test('that client is the one that the parts of a thread get', () => {
  expectTypeOf<Awaited<ReturnType<RuntimePorts['createClient']>>>().toEqualTypeOf<DataClient>()
  expectTypeOf<FetchContext['client']>().toEqualTypeOf<DataClient>()
})
