import { z } from 'zod'
import { bytes, field, flag, milliseconds } from './fields.js'

/** The member of the group and its fetches. */
export const consumerFields = z.strictObject({
  groupId: field(z.string().min(1).optional(), 'a text that is not empty', 'Name of the consumer group.', 'required'),
  groupInstanceId: field(
    z
      .string()
      .regex(/^(?:[A-Za-z0-9._-]|\{slot\})+$/)
      .optional(),
    'at least one character of A-Z a-z 0-9 . _ - (and {slot} for the number of the slot)',
    'Makes the slots static members (KIP-345). One slot in the group uses it as it is; of several each gets `<id>-<slot>`, or has its number in the place of `{slot}`. Take a name that comes back after a restart (of the host, of a pod of a StatefulSet): under one that does not, members that are gone keep their partitions until the session is over.',
    'none: dynamic members',
  ),
  sessionTimeout: milliseconds(
    45_000,
    'After how long without a heartbeat the coordinator gives the partitions to others. The broker limits it (`group.min.session.timeout.ms`, `group.max.session.timeout.ms`).',
  ),
  heartbeatInterval: milliseconds(
    3_000,
    'Time between two heartbeats, which come from the main thread whatever the handlers do. At most a third of `sessionTimeout`, and below `rebalanceTimeout` by 3.7 s, which a member may take until it joins again.',
  ),
  rebalanceTimeout: milliseconds(
    60_000,
    'How long the coordinator waits in a rebalance for the members to rejoin. The pool rejoins for a busy handler, so this need not cover `maxProcessingMs`.',
  ),
  maxBytes: bytes(
    10_485_760,
    'How much one fetch may return in all. A single larger batch still comes. Less is asked for when the handler needs less, or when the slot has less room.',
  ),
  maxBytesPerPartition: bytes(
    1_048_576,
    'How much one fetch may return of one partition. A single larger batch still comes. Less is asked for when the handler needs less.',
  ),
  maxDecompressedBytes: bytes(
    67_108_864,
    'How large one batch may become when it is decompressed; a larger one stops its partition. It bounds what a small batch can cost in memory; its messages as objects in the heap, 80 bytes each, have the same limit, which is why the default is no more than a quarter of that heap (`resourceLimits`).',
  ),
  minBytes: bytes(
    1,
    'How much the broker collects before it answers a fetch: no more than is asked for, and one byte while a partition is fetched for the first time, so that the first message does not wait for `maxWaitTimeInMs`.',
    { min: 0 },
  ),
  maxWaitTimeInMs: milliseconds(500, 'How long the broker may wait for `minBytes`.', { min: 0 }),
  metadataMaxAge: milliseconds(
    300_000,
    'After how long the metadata is asked for anew, which is when partitions that were added to a topic, and topics that a regular expression finds, are noticed.',
    { min: 1_000 },
  ),
  readUncommitted: flag(false, 'Whether messages of open and aborted transactions are read too.'),
  rackId: field(
    z.string().optional(),
    'a text',
    'Rack of this client: fetches from a replica in the same rack if the broker names one (KIP-392), and is given rather such partitions by the leader of a `cooperative-sticky` group (KIP-881). `""` means none.',
    'none',
  ),
})
