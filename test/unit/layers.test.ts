import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))

interface Import {
  /** Path from the repository's root, with forward slashes. */
  readonly file: string
  /** Package name, or the path of one of our own files. */
  readonly target: string
}

/** A rule that an import breaks, or null. */
type Rule = (found: Import) => string | null

/** In the folder, or the file itself. */
const within = (file: string, folder: string): boolean => file === folder || file.startsWith(`${folder}/`)

const only = (library: string, allowed: RegExp): Rule => {
  return ({ file, target }) =>
    (target === library || target.startsWith(`${library}/`)) && !allowed.test(file)
      ? `${library} may be imported in ${allowed.source} only`
      : null
}

const apart = (from: string, to: string): Rule => {
  return ({ file, target }) => (within(file, from) && within(target, to) ? `${from} must not know ${to}` : null)
}

const rooms = (folder: string, ...names: readonly string[]): Rule[] =>
  names.flatMap((from) => names.filter((to) => to !== from).map((to) => apart(`${folder}/${from}`, `${folder}/${to}`)))

const RULES: readonly Rule[] = [
  apart('src/control', 'src/data'),
  apart('src/data', 'src/control'),
  // What brings them together is the slot and the pool.
  ...rooms(
    'src/control',
    'dead-letters',
    'progress',
    'threads',
    'supervision',
    'recycling',
    'state-dir',
    'scaling',
    'steering',
  ),
  apart('src/control/membership', 'src/control/threads'),
  apart('src/control/membership', 'src/control/progress'),
  apart('src/control/membership', 'src/control/supervision'),
  // It shows what the pool says of itself, and knows nothing of how that comes about.
  ({ file, target }) =>
    within(file, 'src/admin') && within(target, 'src/control') && !/\/(?:status|measures|events)\.js$/.test(target)
      ? 'src/admin knows no more of src/control than status.ts, measures.ts and events.ts'
      : null,
  apart('src/admin', 'src/data'),
  apart('src/admin', 'src/kafka'),
  // Threads never commit: see threads-never-commit.test.ts.
  apart('src/data', 'src/kafka/group.js'),
  apart('src/data', 'src/kafka/brokers'),
  apart('src/data', 'src/kafka/requests'),
  apart('src/data/fetching', 'src/data/handling'),
  apart('src/data/handling', 'src/data/fetching'),
  apart('src/kafka/records', 'src/kafka/brokers'),
  apart('src/kafka/records', 'src/kafka/requests'),
  only('kafkajs', /^src\/kafka\/kafkajs\/|^scripts\//),
  only('piscina', /^src\/control\/threads\/piscina-workers\.ts$/),
  only('p-queue', /^src\/data\/handling\/dispatcher\.ts$|^src\/control\/supervision\/restart-limiter\.ts$/),
  only('prom-client', /^src\/admin\/metrics\/metrics\.ts$/),
  only('@opentelemetry/api', /^src\/data\/handling\/tracing\.ts$/),
  only('zod', /^src\/config\//),
  ({ file, target }) =>
    within(file, 'src/util') && within(target, 'src') && !within(target, 'src/util')
      ? 'src/util stands below everything else'
      : null,
]

/** Everything that the text imports: statements, re-exports, `import('…')` as type or call, and `require`. */
const importsOf = (file: string, text: string): Import[] => {
  const targets: string[] = []
  const take = (node: ts.Node | undefined): void => {
    if (node !== undefined && ts.isStringLiteralLike(node)) targets.push(node.text)
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) take(node.moduleSpecifier)
    else if (ts.isImportTypeNode(node)) take(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined)
    else if (ts.isCallExpression(node)) {
      const callee = node.expression
      const loads =
        callee.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(callee) && callee.text === 'require')
      if (loads) take(node.arguments[0])
    }
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.ESNext))
  const ours = (target: string): string =>
    target.startsWith('#src/') ? target.slice(1) : posix.normalize(posix.join(dirname(file), target))
  return targets.map((target) => ({ file, target: /^[.#]/.test(target) ? ours(target) : target }))
}

const broken = (file: string, text: string): string[] =>
  importsOf(file, text).flatMap((found) =>
    RULES.map((rule) => rule(found))
      .filter((why) => why !== null)
      .map((why) => `${found.file} imports ${found.target}: ${why}`),
  )

/** The compiled file and all that loading it loads, at once or later: files of ours, and packages. */
const loadedBy = (entry: string, seen = new Set<string>()): ReadonlySet<string> => {
  if (seen.has(entry)) return seen
  seen.add(entry)
  if (!within(entry, 'dist')) return seen
  // What declarations import is declared beside what it names.
  const fileOf = (target: string) =>
    entry.endsWith('.d.ts') && within(target, 'dist') ? target.replace(/\.js$/, '.d.ts') : target
  for (const { target } of importsOf(entry, readFileSync(join(root, entry), 'utf8'))) loadedBy(fileOf(target), seen)
  return seen
}

const sources = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))

test('every file keeps to its layer, and every library to its place', () => {
  const files = [...sources('src'), ...sources('workers'), ...sources('scripts')]
  expect(files.length).toBeGreaterThan(10)
  expect(files.flatMap((file) => broken(file, readFileSync(join(root, file), 'utf8')))).toEqual([])
})

test.each([
  ['src/control/slot.ts', `import { x } from '#src/data/offsets.js'`],
  ['src/control/slot.ts', `type X = import('#src/data/offsets.js').X`],
  ['src/data/fetching/fetcher.ts', `export * from '#src/control/membership/seat.js'`],
  ['src/data/fetching/fetcher.ts', `import type { Kafka } from 'kafkajs'`],
  ['src/data/runtime.ts', `import type { GroupClient } from '../kafka/group.js'`],
  ['src/data/runtime.ts', `import { commitOffsets } from '../kafka/requests/offset-requests.js'`],
  ['src/control/membership/seat.ts', `const k = await import('kafkajs/src/cluster')`],
  ['workers/consumer.ts', `const k = require('kafkajs')`],
  ['src/control/pool.ts', `import Piscina from 'piscina'`],
  ['src/data/fetching/fetcher.ts', `import PQueue from 'p-queue'`],
  ['src/control/pool.ts', `import { z } from 'zod'`],
  ['src/util/clock.ts', `import { PoolError } from '../errors.js'`],
])('the rules notice a planted fault: %s with %s', (file, text) => {
  expect(broken(file, text)).toHaveLength(1)
})

test.each([
  ['src/control/slot.ts', `import { Ledger } from '../protocol/ledger.js'`],
  ['src/kafka/kafkajs/kafkajs.ts', `import { Kafka } from 'kafkajs'`],
  ['src/control/threads/piscina-workers.ts', `import { Piscina } from 'piscina'`],
  ['src/data/handling/dispatcher.ts', `import PQueue from 'p-queue'`],
  ['src/util/within.ts', `import { monotonicMs } from './clock.js'`],
  ['src/control/pool.ts', `// import { x } from '#src/data/offsets.js'`],
])('the rules allow what is meant to be: %s with %s', (file, text) => {
  expect(broken(file, text)).toEqual([])
})

test('what a handler imports of the package is two files, which each thread has loaded before', () => {
  const handlers = loadedBy('dist/src/handler.js')
  expect([...handlers].sort()).toEqual(['dist/src/data/handler.js', 'dist/src/errors.js', 'dist/src/handler.js'])
  const thread = loadedBy('dist/threads/consumer.js')
  expect([...handlers].filter((file) => !thread.has(file))).toEqual([])
})

/** Of what the few files of a thread are made (scripts/bundle-threads.mjs), as the source maps say that stack traces go by. */
const bundled = (): readonly string[] => {
  const maps = readdirSync(join(root, 'dist/threads')).filter((file) => file.endsWith('.map'))
  return maps.flatMap((file) => {
    const { sources } = JSON.parse(readFileSync(join(root, 'dist/threads', file), 'utf8')) as { sources: string[] }
    return sources.map((source) => posix.join('dist/threads', source))
  })
}

test('what a handler imports of the package is there once, and not in the code of its thread again', () => {
  expect(bundled()).toContain('src/data/runtime.ts')
  const once = [...loadedBy('dist/src/handler.js'), 'dist/src/index.js'].map((file) => file.slice('dist/'.length, -3))
  expect(bundled().filter((source) => once.includes(source.replace(/\.[jt]s$/, '').replace('dist/', '')))).toEqual([])
})

test('every file that threads run is made of files that somebody has written, each in one of them', () => {
  expect(bundled().filter((source) => !/^(?:src|workers)\/.*\.ts$/.test(source))).toEqual([])
  expect(new Set(bundled()).size).toBe(bundled().length)
})

test('what supervises a pool loads neither Kafka, nor threads, nor the schema', () => {
  const packages = [...loadedBy('dist/src/cli/supervise-command.js')].filter((file) => !/^(?:dist|node:)/.test(file))
  expect(packages).toEqual(['pino'])
})

test('the types of the package need no schema', () => {
  const packages = [...loadedBy('dist/src/index.d.ts')].filter((file) => !/^(?:dist|node:)/.test(file))
  expect(packages).toEqual(['pino'])
})

test('the main entry has all that the entry for handlers has, and the same classes', async () => {
  const [main, handlers] = await Promise.all([import('kafka-consumer-pool'), import('kafka-consumer-pool/handler')])
  expect(main).toMatchObject(handlers)
  expect(Object.keys(handlers).sort()).toEqual(['AbortError', 'NonRetriableError'])
  const classes: readonly unknown[] = [main.NonRetriableError, main.AbortError]
  expect(classes).toEqual([handlers.NonRetriableError, handlers.AbortError])
})
