import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BrokerError } from './broker-error.js'
import type { JavaRuntime } from './java.js'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const cache = join(root, '.cache', 'kafka')
const pom = join(root, 'scripts', 'kafka', 'pom.xml')

const cachedFolder = (version: string): string => join(cache, version)

/** True when the jars of this version need not be fetched any more. */
export const areCached = (version: string): boolean => existsSync(cachedFolder(version))

const maven = (args: readonly string[]): Promise<void> =>
  new Promise((resolve, reject) => {
    execFile('mvn', [...args], { maxBuffer: 16 * 1024 * 1024 }, (error, stdout) => {
      if (error === null) return resolve()
      const reason = (stdout.trim() || error.message).split('\n').slice(0, 12).join('\n')
      reject(new BrokerError(`Maven could not fetch Kafka; check the network and the version:\n${reason}`))
    })
  })

/**
 * Folder with the jars of one version of Kafka, fetched with Maven when it is not there. It appears by a rename, so it
 * is complete whenever it exists; when two processes fetch at once, the second one uses what the first has put there.
 */
export const fetchJars = async (version: string, log: (line: string) => void): Promise<string> => {
  const folder = cachedFolder(version)
  if (existsSync(folder)) return folder
  log(`Fetching Kafka ${version} with Maven (once, about 55 MB)…`)
  await mkdir(cache, { recursive: true })
  const unfinished = await mkdtemp(join(cache, '.fetching-'))
  try {
    const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime']
    await maven(['-q', '-B', '-f', pom, ...goal, `-DoutputDirectory=${unfinished}`, `-Dkafka.version=${version}`])
    await rename(unfinished, folder)
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true })
    if (!existsSync(folder)) throw error
  }
  return folder
}

/** The fetched jars log warnings to stderr. */
export const cachedRuntime = (command: string, folder: string): JavaRuntime => ({
  command,
  classPath: join(folder, '*'),
  options: ['-Dorg.slf4j.simpleLogger.defaultLogLevel=warn'],
})

/** The jars of an unpacked distribution, which bring their own logging; its tools' configuration logs to stderr. */
export const homeRuntime = (command: string, home: string): JavaRuntime => {
  const log4j2 = join(home, 'config', 'tools-log4j2.yaml')
  const log4j1 = join(home, 'config', 'tools-log4j.properties')
  const options = existsSync(log4j2)
    ? [`-Dlog4j2.configurationFile=${log4j2}`]
    : existsSync(log4j1)
      ? [`-Dlog4j.configuration=file:${log4j1}`]
      : []
  return { command, classPath: join(home, 'libs', '*'), options }
}

/** Version of the distribution in `KAFKA_HOME`, from the name of its client jar. */
export const homeVersion = (home: string): string => {
  const libs = join(home, 'libs')
  const jar = existsSync(libs)
    ? readdirSync(libs).find((file) => /^kafka-clients-[\d.]+.*\.jar$/.test(file))
    : undefined
  const version = jar?.match(/^kafka-clients-(.+)\.jar$/)?.[1]
  if (version === undefined) {
    throw new BrokerError(
      `KAFKA_HOME=${home}: no kafka-clients-*.jar in its folder libs. Point it at an unpacked Kafka.`,
    )
  }
  return version
}
