import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads'

/*
 * What a program gives to its handlers, which run in threads that it does not start itself. Shared buffers in it stay
 * shared, and a thread that replaces a dead one gets the same.
 */
const KEY = 'kafka-consumer-pool/bench'

/** Call it before the pool is made: a thread gets what was set when it was born. */
export const giveToThreads = (data) => setEnvironmentData(KEY, data)

export const givenByMain = () => getEnvironmentData(KEY)
