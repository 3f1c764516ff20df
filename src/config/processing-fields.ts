import { z } from 'zod'
import { choice, count, type FieldsOf, field, flag, milliseconds } from './fields.js'
import type { ProcessingOptions, RetryOptions } from './options.js'

/** Options of the processing. They may differ by subscription and slot. */
export const processingFields = z.strictObject({
  maxProcessingMs: milliseconds(
    300_000,
    'How long a handler may take for one message before its thread is ended and replaced.',
  ),
  fromBeginning: flag(
    false,
    'Where to begin when the group has no committed offset, or the offset is gone: at the start of the partition (`true`) or at its end. A partition that is added while the pool runs begins at its start in any case.',
  ),
  assignors: field(
    z
      .array(z.enum(['range', 'roundrobin', 'RoundRobinAssigner']))
      .min(1)
      .refine((names) => new Set(names).size === names.length)
      .default(['roundrobin']),
    'a list of "range", "roundrobin", "RoundRobinAssigner", each at most once',
    "How the group shares its partitions, in order of preference. `range` and `roundrobin` are Java's; `RoundRobinAssigner` is KafkaJS's.",
  ),
  concurrency: count(
    1,
    'How many messages of a slot an asynchronous handler may have in hand at once, each of another partition.',
    { max: 1_024 },
  ),
  retry: z.strictObject({
    attempts: count(5, 'How often a message is tried in all.'),
    initialDelayMs: milliseconds(
      200,
      'Wait before the second attempt; doubles with each, with jitter. Only the partition of the message waits.',
      { min: 0 },
    ),
    maxDelayMs: milliseconds(30_000, 'Longest wait between two attempts.', { min: 0 }),
  } satisfies FieldsOf<RetryOptions>),
  onExhausted: choice(
    ['pause', 'skip'],
    'What happens to a message whose attempts all failed: its partition stands still, visible in the status (`pause`), or it is logged and passed over (`skip`).',
  ),
} satisfies FieldsOf<ProcessingOptions>)
