import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'

export interface OracleQuestion {
  readonly assignor: 'cooperative-sticky' | 'range' | 'roundrobin'
  /** For each partition of a topic, by number, the racks of its replicas. */
  readonly topics: Readonly<Record<string, readonly (readonly string[])[]>>
  readonly members: readonly {
    readonly id: string
    readonly instanceId: string | null
    readonly subscription: Buffer
  }[]
}

export interface OracleAnswer {
  /** Our subscriptions as Java writes them after it has read them, by member id. */
  readonly subscriptions: ReadonlyMap<string, Buffer>
  /** What Java's assignor gives, as Java writes it, by member id. */
  readonly assignments: ReadonlyMap<string, Buffer>
}

interface RawAnswer {
  readonly error?: string
  readonly subscriptions?: Record<string, string>
  readonly assignments?: Record<string, string>
}

const CACHE = fileURLToPath(new URL('../../../.cache/kafka/', import.meta.url))

const hasClientJar = (folder: string): boolean =>
  existsSync(folder) && readdirSync(folder).some((file) => /^kafka-clients-.*\.jar$/.test(file))

/** `KAFKA_LIB`, else the newest version in the cache; `undefined` when there is neither. */
const findJars = (): string | undefined => {
  const given = process.env.KAFKA_LIB
  if (given !== undefined) return hasClientJar(given) ? given : undefined
  const versions = existsSync(CACHE) ? readdirSync(CACHE) : []
  return versions
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
    .map((version) => join(CACHE, version))
    .find(hasClientJar)
}

const hasCompiler = (): boolean => {
  try {
    execFileSync('javac', ['-version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Why the Java client cannot be asked here; `undefined` when it can. */
export const whyNoOracle = (): string | undefined => {
  if (!hasCompiler()) return 'no JDK is installed (javac not found on the PATH)'
  if (findJars() === undefined) return "Kafka's jars are neither in KAFKA_LIB nor in .cache/kafka"
  return undefined
}

/** The Java client's own assignors in a process of their own. */
export class JavaOracle {
  readonly #java: ChildProcessByStdio<Writable, Readable, null>
  readonly #lines: Interface
  readonly #answers: AsyncIterator<string>
  readonly #classes: string

  private constructor(java: ChildProcessByStdio<Writable, Readable, null>, classes: string) {
    this.#java = java
    this.#classes = classes
    this.#lines = createInterface({ input: java.stdout })
    this.#answers = this.#lines[Symbol.asyncIterator]()
  }

  static start(): JavaOracle {
    const jars = join(findJars() ?? '', '*')
    const classes = mkdtempSync(join(tmpdir(), 'oracle-'))
    const source = fileURLToPath(new URL('./Oracle.java', import.meta.url))
    execFileSync('javac', ['-cp', jars, '-d', classes, source], { stdio: ['ignore', 'ignore', 'inherit'] })
    const options = [
      '-Xmx128m',
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      '-Dorg.slf4j.simpleLogger.defaultLogLevel=off',
    ]
    const java = spawn('java', [...options, '-cp', [classes, jars].join(delimiter), 'Oracle'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    return new JavaOracle(java, classes)
  }

  /** What Java's assignor gives to these members. One question at a time. */
  async assign({ assignor, topics, members }: OracleQuestion): Promise<OracleAnswer> {
    const { subscriptions, assignments } = await this.#ask({
      assignor,
      topics,
      members: members.map((member) => ({ ...member, subscription: member.subscription.toString('hex') })),
    })
    return { subscriptions: fromHex(subscriptions), assignments: fromHex(assignments) }
  }

  /** Our assignments as Java writes them after it has read them, by member id. */
  async rewrite(assignments: ReadonlyMap<string, Buffer>): Promise<ReadonlyMap<string, Buffer>> {
    const hex = Object.fromEntries([...assignments].map(([id, bytes]) => [id, bytes.toString('hex')]))
    return fromHex((await this.#ask({ assignments: hex })).assignments)
  }

  async stop(): Promise<void> {
    const exited = new Promise((resolve) => this.#java.once('exit', resolve))
    this.#java.stdin.end()
    await exited
    this.#lines.close()
    rmSync(this.#classes, { recursive: true })
  }

  async #ask(question: object): Promise<RawAnswer> {
    this.#java.stdin.write(`${JSON.stringify(question)}\n`)
    const line = await this.#answers.next()
    if (line.done) throw new Error(`the Java oracle ended (exit code ${this.#java.exitCode})`)
    const answer: RawAnswer = JSON.parse(line.value)
    if (answer.error !== undefined) throw new Error(`the Java oracle failed: ${answer.error}`)
    return answer
  }
}

const fromHex = (byMember: Record<string, string> = {}): ReadonlyMap<string, Buffer> =>
  new Map(Object.entries(byMember).map(([id, hex]) => [id, Buffer.from(hex, 'hex')]))
