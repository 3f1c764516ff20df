import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { configurationPage } from '#scripts/config-docs.js'
import { leaves } from '#src/config/schema/leaves.js'

test('docs/configuration.md is what the schema says (else run node dist/scripts/config-docs.js)', () => {
  expect(readFileSync('docs/configuration.md', 'utf8')).toBe(configurationPage())
})

/** For each member of the interfaces of a file that has one, its `@default`. */
const tsdocDefaults = (path: string): Map<string, string[]> => {
  const found = new Map<string, string[]>()
  for (const [, comment = '', name = ''] of readFileSync(path, 'utf8').matchAll(
    /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*(\w+)\??:/g,
  )) {
    const value = /@default (.*?)\s*$/m.exec(comment)?.[1]
    if (value !== undefined) found.set(name, [...(found.get(name) ?? []), value])
  }
  return found
}

const documented = [...tsdocDefaults('src/config/options.ts'), ...tsdocDefaults('src/config/schema/kafka-options.ts')]

test.each(
  [...leaves.values()].filter(({ initial }) => initial !== undefined),
)('the default of $path that an editor shows is the one of the schema', ({ path, initial }) => {
  const name = path.slice(path.lastIndexOf('.') + 1)
  const shown = documented.filter(([key]) => key === name).flatMap(([, values]) => values)
  const plain = shown.map((value) => value.replaceAll(/[_'[\]]/g, ''))
  expect(plain).toContain(String(initial))
})

test('every option has a description, and says what it expects', () => {
  for (const leaf of leaves.values()) {
    expect(leaf.description).toMatch(/[.`]$/)
    expect(leaf.expects).toBeTruthy()
  }
})
