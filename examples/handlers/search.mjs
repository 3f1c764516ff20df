// A handler with a long synchronous loop that knows when to give up. It blocks its thread's event loop, so `signal` could
// not tell it anything; `cancelled` reads shared memory and always can.

/** @param {number} n */
const isPrime = (n) => {
  for (let divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor === 0) return false
  return n > 1
}

/** @satisfies {import('kafka-consumer-pool').Handler} */
const handler = (message, context) => {
  const wanted = Number(message.value?.toString().match(/\d+/)?.[0] ?? 0) * 100
  let found = 0
  for (let candidate = 2; found < wanted; candidate++) {
    // The partition went to another member, maxProcessingMs is over, or the pool stops and drainTimeoutMs is nearly over:
    // time to come to an end. An error says that the message is not finished; it is handled again, here or by the
    // partition's new owner.
    if (candidate % 1_000 === 0 && context.cancelled) throw new Error(`gave up at ${candidate}`)
    if (isPrime(candidate)) found += 1
  }
  context.log.info({ wanted }, 'found that many primes')
}

export default handler
