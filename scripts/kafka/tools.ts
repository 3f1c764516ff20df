import { execFile } from 'node:child_process'
import { BrokerError } from './broker-error.js'
import { type JavaRuntime, toolArguments } from './java.js'

/** Kafka's command-line tools that can be run, by the names of their scripts. */
const KAFKA_TOOLS = {
  'kafka-configs': 'kafka.admin.ConfigCommand',
  'kafka-consumer-groups': 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
  'kafka-get-offsets': 'org.apache.kafka.tools.GetOffsetShell',
  'kafka-leader-election': 'org.apache.kafka.tools.LeaderElectionCommand',
  'kafka-metadata-quorum': 'org.apache.kafka.tools.MetadataQuorumCommand',
  'kafka-reassign-partitions': 'org.apache.kafka.tools.reassign.ReassignPartitionsCommand',
  'kafka-topics': 'org.apache.kafka.tools.TopicCommand',
} as const

export type KafkaTool = keyof typeof KAFKA_TOOLS

/** Where the tools are and how they reach the brokers: plain data, so that it can be handed to another process. */
export type ToolSource =
  | { readonly kind: 'java'; readonly java: JavaRuntime; readonly bootstrap: string }
  | { readonly kind: 'docker'; readonly container: string; readonly bootstrap: string }
  | { readonly kind: 'none'; readonly why: string }

const TIMEOUT_MS = 60_000

/** The command line that runs a tool; `--bootstrap-server` is added to the arguments. */
export const toolCommand = (
  source: Exclude<ToolSource, { kind: 'none' }>,
  name: KafkaTool,
  args: readonly string[],
): { readonly command: string; readonly args: readonly string[] } => {
  const all = ['--bootstrap-server', source.bootstrap, ...args]
  return source.kind === 'java'
    ? { command: source.java.command, args: toolArguments(source.java, KAFKA_TOOLS[name], all) }
    : { command: 'docker', args: ['exec', source.container, `/opt/kafka/bin/${name}.sh`, ...all] }
}

/** Runs a tool and resolves with what it printed on stdout; rejects when it fails or takes more than a minute. */
export const runTool = (source: ToolSource, name: KafkaTool, args: readonly string[]): Promise<string> => {
  if (source.kind === 'none') return Promise.reject(new BrokerError(`${name} cannot be run: ${source.why}`))
  const run = toolCommand(source, name, args)
  return new Promise((resolve, reject) => {
    const limits = { maxBuffer: 16 * 1024 * 1024, timeout: TIMEOUT_MS }
    execFile(run.command, [...run.args], limits, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout)
      reject(
        new BrokerError(`${name} ${args.join(' ')} failed:\n${stdout}${stderr || error.message}`, { cause: error }),
      )
    })
  })
}
