import type { TestProject } from 'vitest/node'
import { type Broker, BrokerError, startBroker, type ToolSource } from '#scripts/broker.js'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Addresses of the broker that all integration tests share; none when there is no Kafka on this machine. */
    brokers: string[]
    /** Kafka's release, such as `4.3.0`. */
    version: string
    /** Where Kafka's command-line tools are. */
    kafkaTools: ToolSource
    /** True when somebody else runs the broker (`KAFKA_BROKERS`): leave it as it was found. */
    externalBroker: boolean
  }
}

const NO_TEST = /(?!)/

/** Without a broker the project's tests are skipped, and the last lines of the run say how many and why. */
const skipAll = (project: TestProject, why: string): (() => void) => {
  project.config.testNamePattern = NO_TEST
  return () => {
    const modules = project.vitest.state.getTestModules().filter((module) => module.project.name === project.name)
    const tests = modules.reduce((sum, module) => sum + [...module.children.allTests()].length, 0)
    console.error(`\nSkipped ${tests} tests in ${modules.length} files that need a Kafka.\n${why}\n`)
  }
}

const start = async (project: TestProject): Promise<Broker | string> => {
  try {
    return await startBroker({ log: (line) => project.vitest.logger.log(line) })
  } catch (error) {
    if (!(error instanceof BrokerError) || process.env.CI === 'true') throw error
    return error.message
  }
}

/** Starts the broker of the integration tests (`KAFKA_VERSION` chooses the release) and tells them where it is. */
export default async function setup(project: TestProject): Promise<() => Promise<void> | void> {
  const broker = await start(project)
  if (typeof broker === 'string') {
    project.provide('brokers', [])
    return skipAll(project, broker)
  }
  project.provide('brokers', broker.brokers)
  project.provide('version', broker.version)
  project.provide('kafkaTools', broker.tools)
  project.provide('externalBroker', broker.external)
  return () => broker.stop()
}
