import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { BrokerError } from './broker-error.js'
import type { BrokerOptions } from './options.js'
import type { Broker } from './start-broker.js'

const USAGE = `Usage: node dist/scripts/broker.js [--nodes 1|3] [--version 4.3.0] [--port 9092]
Runs a Kafka for development until Ctrl-C. Its data is gone afterwards.`

const integer = (name: string, text: string): number => {
  if (!/^\d+$/.test(text)) throw new BrokerError(`--${name}: expected a whole number, got "${text}".`)
  return Number(text)
}

/** Reads the command line; undefined when it asks for help. */
const parseCommand = (args: readonly string[]): BrokerOptions | undefined => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      nodes: { type: 'string' },
      version: { type: 'string' },
      port: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help === true) return undefined
  return {
    ...(values.nodes === undefined ? {} : { nodes: integer('nodes', values.nodes) as 1 | 3 }),
    ...(values.version === undefined ? {} : { version: values.version }),
    ...(values.port === undefined ? {} : { port: integer('port', values.port) }),
  }
}

/** Starts a broker and holds it until a signal comes. Prints the address in a form that a shell can use. */
export const runCommand = async (
  args: readonly string[],
  start: (options: BrokerOptions) => Promise<Broker>,
): Promise<void> => {
  try {
    const options = parseCommand(args)
    if (options === undefined) {
      console.log(USAGE)
      return
    }
    const broker = await start(options)
    const asked = Promise.race(['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => once(process, signal)))
    console.log(`KAFKA_BROKERS=${broker.brokers.join(',')}`)
    console.error(`Kafka ${broker.version} is running; Ctrl-C stops it.`)
    await asked
    await broker.stop()
  } catch (error) {
    if (!(error instanceof Error)) throw error
    console.error(error.message)
    process.exitCode = 1
  }
}
