import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { runCommand } from './kafka/command.js'
import { startBroker } from './kafka/start-broker.js'

export { BrokerError } from './kafka/broker-error.js'
export type { BrokerOptions } from './kafka/options.js'
export type { BrokerSecurity, SecuredListener } from './kafka/security.js'
export { type Broker, startBroker } from './kafka/start-broker.js'
export { type KafkaTool, runTool, type ToolSource } from './kafka/tools.js'

const startedFrom = process.argv[1]
if (startedFrom !== undefined && realpathSync(startedFrom) === fileURLToPath(import.meta.url)) {
  await runCommand(process.argv.slice(2), startBroker)
}
