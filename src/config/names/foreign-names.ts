/*
 * What others call what is here: Spring for Apache Kafka and Spring Boot, Karafka, librdkafka. (Java's and KafkaJS's own
 * names are in property-names and refused-names.) Compared by letters and digits alone, so that `ack-mode`, `ackMode` and
 * `spring.kafka.listener.ack-mode` are one name.
 */
const is = (sentence: string, ...names: string[]): [string, string][] => names.map((name) => [essence(name), sentence])

/** Letters and digits only, in lower case. */
export const essence = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '')

const COMMITS = 'the pool itself commits what is finished, every commitIntervalMs, and no sooner'
const RETRY = 'that is retry here (attempts, initialDelayMs, maxDelayMs), beside topics and handler'
const DEAD_LETTERS = 'that is deadLetter here: deadLetter: { topic: "{topic}.dlq" }, beside topics and handler'
const ONE_BY_ONE = 'messages are handed over one by one, so there are no batches to size'
const SLOTS = 'that is workers here: the number of threads, each a member of the group'
const LONG_RUNNING =
  'it is not needed: heartbeats come from the main thread, whatever a handler does. maxProcessingMs limits one message'
const STATUS = 'pool.status() and the events say it'

const foreignNames: ReadonlyMap<string, string> = new Map([
  // Our own
  ...is('it is no option: export it from the module of the handler', 'setup', 'teardown'),
  // Spring
  ...is(COMMITS, 'ack-mode', 'ack-count', 'ack-time', 'acks-on-error', 'async-acks', 'sync-commits', 'ack-on-error'),
  ...is(SLOTS, 'listener.concurrency', 'container-concurrency'),
  ...is('that is maxWaitTimeInMs (fetch.max.wait.ms) here', 'poll-timeout'),
  ...is('nothing polls: the fetcher asks for what the handlers will soon use', 'idle-between-polls', 'poll-interval'),
  ...is(
    RETRY,
    'back-off',
    'backoff',
    'max-attempts',
    'max-retries',
    'retry-template',
    'retryable-topic',
    'common-error-handler',
  ),
  ...is(`${RETRY}; onExhausted says what happens in the end`, 'error-handler', 'seek-to-current-error-handler'),
  ...is(
    DEAD_LETTERS,
    'dead-letter-publishing-recoverer',
    'dead-letter-topic',
    'dead-letter-queue',
    'dead_letter_queue.topic',
    'errors.deadletterqueue.topic.name',
    'dlq',
    'dlt',
    'dlq-topic',
  ),
  ...is('that is retry.attempts here for messages, and kafka.retry.retries for connections', 'retries', 'numRetries'),
  ...is('a topic that is missing always fails the start (KCP_TOPIC_MISSING)', 'missing-topics-fatal'),
  ...is('it starts with pool.start()', 'auto-startup'),
  ...is(ONE_BY_ONE, 'batch-listener', 'listener.type'),
  ...is(
    STATUS,
    'monitor-interval',
    'no-poll-threshold',
    'idle-event-interval',
    'idle-partition-event-interval',
    'log-container-config',
  ),
  ...is('regular expressions are not supported: name the topics', 'topic-pattern', 'topics-pattern', 'pattern'),
  // Karafka
  ...is(ONE_BY_ONE, 'max_messages', 'batch-size', 'batch.num.messages'),
  ...is('that is maxWaitTimeInMs (fetch.max.wait.ms) here, for a fetch', 'max_wait_time'),
  ...is('that is retry.initialDelayMs here, beside topics and handler', 'pause_timeout', 'pause.timeout'),
  ...is('that is retry.maxDelayMs here, beside topics and handler', 'pause_max_timeout', 'pause.max_timeout'),
  ...is(
    'the wait between two attempts always doubles, up to retry.maxDelayMs',
    'pause_with_exponential_backoff',
    'with_exponential_backoff',
  ),
  ...is('that is drainTimeoutMs here', 'shutdown_timeout', 'shutdownTimeout', 'close-timeout', 'grace-period'),
  ...is(
    'that is fromBeginning here (auto.offset.reset)',
    'initial_offset',
    'starting-offset',
    'start-offset',
    'offset-reset',
  ),
  ...is(COMMITS, 'manual_offset_management', 'offset-commit', 'offset_attach'),
  ...is(LONG_RUNNING, 'long_running_job'),
  ...is(
    SLOTS,
    'multiplexing',
    'swarm',
    'threads',
    'num-threads',
    'thread-count',
    'instances',
    'consumers',
    'num-consumers',
  ),
  ...is('a partition is handled by one thread, in order: use more partitions', 'virtual_partitions'),
  ...is('throw NonRetriableError in the handler', 'non-retryable-exceptions', 'not-retryable-exceptions'),
  // librdkafka
  ...is(COMMITS, 'offset_commit_cb', 'offset.store.method', 'offset.store.sync.interval.ms'),
  ...is('listen to the events group:assigned, group:revoking and group:lost', 'rebalance_cb', 'rebalance-listener'),
  ...is('what waits is limited to 16 MiB for each slot', 'queued.max.messages.kbytes', 'queued.min.messages'),
  ...is(
    'the pool looks for the next message by itself, with no pause to set',
    'fetch.error.backoff.ms',
    'fetch.queue.backoff.ms',
  ),
  ...is('that is requestTimeout (request.timeout.ms) here', 'socket.timeout.ms'),
  ...is('that is metadataMaxAge (metadata.max.age.ms) here', 'topic.metadata.refresh.interval.ms'),
  ...is('sockets are kept alive in any case', 'socket.keepalive.enable'),
  ...is('sockets never wait to fill a packet', 'socket.nagle.disable'),
  ...is(
    'versions are asked of each broker',
    'api.version.request',
    'broker.version.fallback',
    'api.version.fallback.ms',
  ),
  ...is(STATUS, 'statistics.interval.ms', 'stats_cb', 'enable.partition.eof'),
  ...is('set logger: { level: "debug" } at the top', 'debug', 'log_level', 'log-level', 'logging-level'),
])

/** Without what only Spring Boot writes: `spring.kafka.listener.concurrency` is `listener.concurrency`. */
const withoutSpring = (name: string): string => name.replace(/^spring\.kafka\./i, '')

/** Without any word before it that says whose it is: `spring.kafka.consumer.max-poll-records` is `max-poll-records`. */
export const withoutPrefix = (name: string): string =>
  withoutSpring(name).replace(/^(?:consumer|listener|container|properties|kafka)\./i, '')

/** Where the thing of that name is here, or why there is none; `undefined` when nobody is known to call anything so. */
export const foreignName = (name: string): string | undefined =>
  foreignNames.get(essence(withoutSpring(name))) ?? foreignNames.get(essence(withoutPrefix(name)))
