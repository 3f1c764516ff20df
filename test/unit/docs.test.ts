import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'
import { WAYS } from '#src/admin/ways.js'
import { ErrorCode } from '#src/errors.js'

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

const root = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))

/** The document's `###` sections: title (without backticks) to text. */
const sectionsOf = (markdown: string): ReadonlyMap<string, string> =>
  new Map(
    markdown
      .split(/^### /m)
      .slice(1)
      .map((section) => {
        const [title = '', ...lines] = section.split(/\n(?!### )/)
        const text = lines.join('\n').split(/^## /m)[0] ?? ''
        return [title.replaceAll('`', '').trim(), text.trim()]
      }),
  )

/** What stands in backticks in the first column of the section's table. */
const fieldsIn = (section: string): string[] =>
  section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, field]) => field ?? ''))

test.each([
  'README.md',
  ...['hash.mjs', 'per-slot.mjs', 'cancellable.mjs', 'archive.mjs', 'graceful-shutdown.mjs'].map(
    (file) => `examples/${file}`,
  ),
  'examples/typescript/subscriptions.ts',
])('%s leaves no second signal to Node, which ends the process: npm and systemd may send one twice', (path) => {
  expect(read(path)).toMatch(/process\.on\((?:'SIG(?:INT|TERM)'|signal), /)
  expect(read(path)).not.toContain('process.once(')
})

test('CONTRIBUTING.md names files and folders that are there', () => {
  const named = [...read('CONTRIBUTING.md').matchAll(/`((?:src|test|scripts|bench|workers|docs)\/[\w./-]*)`/g)]
  const paths = [...new Set(named.map(([, path = '']) => path))]
  expect(paths.length).toBeGreaterThan(50)
  expect(paths.filter((path) => !existsSync(root(path)))).toEqual([])
})

test.each([
  'README.md',
  'docs/configuration.md',
  'docs/how-it-works.md',
  'scripts/config-docs.ts',
  'src/config/schema/pool-fields.ts',
  'src/config/options.ts',
  'src/control/pool.ts',
  'examples/graceful-shutdown.mjs',
])('%s says how long a stop takes at most as the others do', (path) => {
  const stop = /(?:never longer than|takes|longer than|threads:)\s+(?:\*\s+)?\\?`?drainTimeoutMs\\?`?\s+(\S+ \S+ s?)/g
  const said = [...read(path).matchAll(stop)].map(([, more]) => more)
  expect(new Set(said)).toEqual(new Set(['+ 3 s']))
})

test('docs/admin.md lists every path of the admin server, and no other', () => {
  const rows = [...read('docs/admin.md').matchAll(/^\| (GET|POST) \| `([^`]+)` \|/gm)]
  expect(rows.map(([, method, path]) => [method, path])).toEqual(WAYS)
})

describe('docs/errors.md', () => {
  const sections = sectionsOf(read('docs/errors.md'))

  test('has a section for every code, and for no other', () => {
    expect([...sections.keys()].sort()).toEqual(Object.values(ErrorCode).sort())
  })

  test.each([...sections])('%s: says what it means, what the likely cause is and what to do', (_code, section) => {
    const paragraphs = section.split(/\n{2,}/).map((paragraph) => /^\*\*([^*]+)\.\*\* \S/.exec(paragraph)?.[1])
    expect(paragraphs).toEqual(['Meaning', 'Likely cause', 'What to do'])
  })
})

describe('docs/events.md', () => {
  const source = ts.createSourceFile('events.ts', read('src/control/events.ts'), ts.ScriptTarget.Latest, true)
  const interfaces = new Map(
    source.statements.filter(ts.isInterfaceDeclaration).map((declaration) => [declaration.name.text, declaration]),
  )
  const nameOf = (member: ts.TypeElement): string =>
    member.name !== undefined && ts.isStringLiteral(member.name) ? member.name.text : (member.name?.getText() ?? '')

  /** Names of the fields of an interface, inherited ones included. */
  const fieldsOf = (name: string): string[] => {
    const declaration = interfaces.get(name)
    if (declaration === undefined) throw new Error(`events.ts has no interface ${name}`)
    const parents = (declaration.heritageClauses ?? []).flatMap(({ types }) => types.map((type) => type.getText()))
    return [...parents.flatMap(fieldsOf), ...declaration.members.map(nameOf)]
  }

  const events = (interfaces.get('PoolEvents')?.members ?? ts.factory.createNodeArray<ts.TypeElement>()).map(
    (member) => {
      const [sentence] = ts
        .getJSDocCommentsAndTags(member)
        .map(({ comment }) => ts.getTextOfJSDocComment(comment) ?? '')
      const payload = ts.isPropertySignature(member) ? (member.type?.getText().replace(/^\[|\]$/g, '') ?? '') : ''
      return { name: nameOf(member), sentence: sentence ?? '', payload }
    },
  )
  const sections = sectionsOf(read('docs/events.md'))
  const shapes = ['SlotIdentity', 'EventPartition', 'EventMessage', 'InFlightMessage']

  test('has a section for every event and shared shape, and for no other', () => {
    expect([...sections.keys()].sort()).toEqual([...events.map(({ name }) => name), ...shapes].sort())
  })

  test.each(events)('$name: begins with the sentence of the source', ({ name, sentence }) => {
    expect(sentence).not.toBe('')
    expect(sections.get(name)?.split('\n')[0]).toBe(sentence)
  })

  test.each([
    ...events,
    ...shapes.map((name) => ({ name, payload: name })),
  ])('$name: lists the fields of its payload', ({ name, payload }) => {
    expect(fieldsIn(sections.get(name) ?? '').sort()).toEqual(fieldsOf(payload).sort())
  })
})

describe('CONTRIBUTING.md', () => {
  const text = read('CONTRIBUTING.md')
  const paths = [...text.matchAll(/`((?:src|workers|test|scripts|bench|docs|examples|\.ci)\/[^`\s…]*)`/g)].map(
    ([, path]) => path ?? '',
  )

  test.each([...new Set(paths)])('names %s, which is there', (path) => {
    expect(existsSync(root(path))).toBe(true)
  })

  test('has every room of the source on its map', () => {
    const folders = readdirSync(root('src'), { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    )
    const rooms = folders.map(({ parentPath, name }) => `${parentPath}/${name}/`.slice(root('').length))
    expect(rooms.filter((room) => !text.includes(`| \`${room}\` |`))).toEqual([])
  })
})
