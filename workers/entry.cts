/*
 * What Piscina loads. It loads with `require`, and a thread that is ended while Node `require`s an ES module aborts the
 * whole process (Node 20: "v8::Module::IsGraphAsync must be used on an instantiated module"); `import()` can be ended.
 */

/** `consumer.ts` in few files (scripts/bundle-threads.mjs). */
const BUNDLE: string = '../threads/consumer.js'

module.exports = (import(BUNDLE) as Promise<typeof import('./consumer.js')>).then(async (consumer) => {
  await consumer.settled
  return consumer.default
})
