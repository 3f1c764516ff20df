import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** The java command: `JAVA_HOME` first, as Maven and Kafka do it, else the search path. */
export const javaCommand = (env: NodeJS.ProcessEnv): string => {
  const fromHome = env.JAVA_HOME ? join(env.JAVA_HOME, 'bin', 'java') : undefined
  return fromHome !== undefined && existsSync(fromHome) ? fromHome : 'java'
}

/** Major version in what `java -version` prints (`1.8.0_292` is 8); null when there is none. */
export const javaMajor = (printed: string): number | null => {
  const match = /version "(?:1\.)?(\d+)/.exec(printed)
  return match === null ? null : Number(match[1])
}

/** What a command prints on both streams, or null when it is missing, fails or takes more than ten seconds. */
export const probe = (command: string, args: readonly string[]): Promise<string | null> =>
  new Promise((resolve) => {
    execFile(command, [...args], { timeout: 10_000 }, (error, stdout, stderr) => {
      resolve(error === null ? stdout + stderr : null)
    })
  })

/** How to run a class from a set of jars. */
export interface JavaRuntime {
  readonly command: string
  readonly classPath: string
  /** Options that the jars need, such as where their logging is configured. */
  readonly options: readonly string[]
}

/** Arguments for one node: bounded memory, and nothing left outside of its folder when it is killed. */
export const serverArguments = (java: JavaRuntime, folder: string, propertiesFile: string): string[] => [
  '-Xmx512m',
  '-Xss512k',
  '-XX:+UseSerialGC',
  '-XX:-UsePerfData',
  `-Djava.io.tmpdir=${folder}`,
  `-Dkafka.logs.dir=${folder}`,
  ...java.options,
  '-cp',
  java.classPath,
  'kafka.Kafka',
  propertiesFile,
]

/** Arguments for a short run: only the quick compiler, because start-up is all that counts. */
export const toolArguments = (java: JavaRuntime, mainClass: string, args: readonly string[]): string[] => [
  '-Xmx256m',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-XX:-UsePerfData',
  ...java.options,
  '-cp',
  java.classPath,
  mainClass,
  ...args,
]
