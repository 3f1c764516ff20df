import { z } from 'zod'
import { choice, count, field, milliseconds } from './fields.js'

/** Options of the pool as a whole. */
export const poolFields = z.strictObject({
  commitIntervalMs: milliseconds(1_000, 'How often finished offsets are committed.'),
  drainTimeoutMs: milliseconds(
    25_000,
    'How long `stop()` waits for the messages in flight, and then for `teardown` of their handlers, before the threads are ended, and goes on trying to commit what is finished; when a tenth of it is left (3 s at most), `context.signal` aborts. A stop takes `drainTimeoutMs` + 3 s at most, so the default fits in the 30 s that Kubernetes gives by default; keep it 3 s below the time after which your service manager kills. A rebalance meanwhile waits for them three seconds at most, see [a stop](how-it-works.md#a-stop).',
    { min: 0 },
  ),
  loadTimeoutMs: milliseconds(
    60_000,
    "How long a thread may take to load its handler's module, from its boot, and to call its [`setup`](how-it-works.md#setup-and-teardown). A start fails with `KCP_START_TIMED_OUT` after that, or with `KCP_HANDLER_SETUP_FAILED` while it is in `setup`; later it is a crash of the slot. A module of `codecs` or `sasl` has as long (`KCP_MODULE_NOT_USABLE`). Raise it for modules that need long, because they load a model, for instance.",
    { min: 1_000 },
  ),
  terminateTimeoutMs: milliseconds(
    10_000,
    'How long a thread that was ended may take to die before it counts as lost and its slot goes on without it.',
    { min: 1_000 },
  ),
  isolation: choice(
    ['thread', 'process'],
    'What a slot is filled with: a thread of the process (`thread`), or a child process with a thread in it (`process`), so that a segmentation fault of a native addon, an allocation at which V8 gives up, or a native call that cannot be interrupted costs one slot its process and nobody else anything. See [isolation by process](how-it-works.md#isolation-by-process) for what it costs.',
  ),
  recovery: choice(
    ['handover', 'rejoin'],
    'How a slot goes on after a crash: with the same membership, unnoticed by the group (`handover`), or as a new member, whose client id the broker shows at once (`rejoin`).',
  ),
  leaveOnStop: choice(
    ['dynamic', 'always', 'never'],
    'Which members leave the group when the pool stops, instead of being missed after the session timeout: `dynamic` ones only, because a static one will be back (one that [came while the pool ran](scaling.md) leaves, too); `always` all; `never` any. All leave when the start was not complete.',
  ),
  threadImports: field(
    z.array(z.string().min(1)).default([]),
    'a list of modules: paths ("./instrumentation.js"), file URLs or names of packages',
    'Modules that [each thread imports](tracing.md#modules-in-each-thread), one after the other, before the handlers: an OpenTelemetry SDK, a loader, source maps. A name without `./` is that of a package. One that cannot be loaded fails the start with `KCP_MODULE_NOT_USABLE`.',
  ),
  stateDir: field(
    z.string().min(1).optional(),
    'the path of a folder',
    'A folder of the machine in which the pool writes down what is in flight where that may kill the [whole process](poison.md#when-the-whole-process-dies), so that such a message is found out, too. It is made if it is not there. Several pools may share it.',
    'none',
  ),
  admin: z.strictObject({
    enabled: field(z.boolean().optional(), 'true or false', 'Whether there is an admin server.'),
    port: field(
      z.int().min(0).max(65_535).default(9_464),
      'a whole number from 0 to 65535',
      'Port of the [admin server](admin.md), which says over HTTP how the pool is and takes orders. 0 is any that is free; `pool.adminAddress` and the log name it. One that is taken is refused at start (`KCP_ADMIN_NOT_LISTENING`).',
    ),
    host: field(
      z
        .string()
        .regex(/^[A-Za-z0-9._:-]+$/)
        .default('127.0.0.1'),
      'an address of this machine, such as "127.0.0.1", "0.0.0.0" or "::1", without a port',
      'Address at which it listens. One that others can reach takes a `token`.',
    ),
    token: field(
      z
        .string()
        .regex(/^[\x21-\x7e]{16,1024}$/)
        .optional(),
      'a text of 16 to 1024 characters of ASCII without spaces',
      'What requests have to bring (`Authorization: Bearer <token>`), those for `/livez` and `/readyz` without details apart.',
      'none',
    ),
  }),
  restart: z.strictObject({
    delayMs: milliseconds(
      1_000,
      'Wait before the second restart after crashes that bore no fruit (no message finished, or a message was in flight that had killed a thread before); doubles with each, ± 20 %. The first is immediate.',
    ),
    maxDelayMs: milliseconds(60_000, 'Longest wait before a restart.'),
    healthyAfterMs: milliseconds(
      120_000,
      'After how long without a crash the earlier ones are forgotten. The time in which a handler hung does not count.',
    ),
    maxRestarts: count(
      8,
      'After how many fruitless crashes in a row the slot is parked: it leaves the group, so that others take its partitions.',
    ),
    maxPoolRestarts: field(
      z.int().min(1).max(1_000_000).optional(),
      'a whole number from 1 to 1000000 (a pool of which nothing works gives up in any case)',
      'With more fruitless crashes than this within `windowMs`, of all slots together, the pool gives up (`pool:escalated`). The default lets every slot be parked first, so that a few that fail do not end the others. There is no value for never: one that cannot be exceeded is refused, and the refusal names the highest that can, which takes all slots to do nothing but crash.',
      '`maxRestarts` for each slot, at least 10, and no more than can be within `windowMs`',
    ),
    windowMs: milliseconds(300_000, 'The time over which the crashes of the pool are counted.'),
    probeMs: milliseconds(
      60_000,
      'After how long a parked slot is tried again; doubles each time that fails, up to ten minutes.',
      { min: 1_000 },
    ),
  }),
  scaling: z.strictObject({
    catchUpMs: milliseconds(
      30_000,
      'With [`workers: { min, max }`](scaling.md#by-itself): how long what waits may take to be handled, at the rate at which it is, before slots are added. What comes in faster than it is handled counts as it will be after that time.',
      { min: 1_000 },
    ),
    quietMs: milliseconds(
      120_000,
      'With `workers: { min, max }`: for how long fewer slots must have been enough before some are removed. It doubles, up to sixteen times, when slots are needed again soon after they were removed.',
      { min: 1_000 },
    ),
  }),
  maxRssMb: field(
    z.number().min(64).max(4_194_304).optional(),
    'a number from 64 to 4194304',
    "Memory in MB that the whole process may take (its resident set, Buffers and all), with `isolation: 'process'` [all of its processes together](memory.md#with-a-process-for-each-slot). Above it the thread that takes the most is [recycled](memory.md#recycling), one at a time; when that does not help, an error is logged once. A number above all memory turns it off.",
    "nine tenths of the machine's (or container's) memory",
  ),
  resourceLimits: z.strictObject({
    maxOldGenerationSizeMb: field(
      z.number().min(32).max(1_048_576).optional(),
      'a number from 32 to 1048576',
      "Heap of each thread in MB, Node's `maxOldGenerationSizeMb`. A thread that does nothing needs ten. A thread that needs more is ended and replaced. Buffers are no part of it. Node's own `--max-old-space-size` overrides it.",
      "three quarters of the machine's (or container's) memory, shared by the slots, from 128 to 2048",
    ),
    maxYoungGenerationSizeMb: field(
      z.number().min(1).max(1_048_576).optional(),
      'a number from 1 to 1048576',
      'Heap for young objects of each thread in MB.',
      "Node's",
    ),
    codeRangeSizeMb: field(
      z.number().min(1).max(1_048_576).optional(),
      'a number from 1 to 1048576',
      'Memory for generated code of each thread in MB.',
      "Node's",
    ),
    stackSizeMb: field(
      z.number().min(0.5).max(1_024).optional(),
      'a number from 0.5 to 1024',
      'Stack of each thread in MB. With less than half of one Node itself cannot start a thread, which ends the process.',
      "Node's",
    ),
  }),
})
