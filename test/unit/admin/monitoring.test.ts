import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { COUNTED } from '#src/admin/metrics/counted.js'
import { MEASURED } from '#src/admin/metrics/measured.js'
import { PREFIX } from '#src/admin/metrics/metrics.js'
import { READINGS } from '#src/admin/metrics/readings.js'
import { startAdmin } from '../../support/admin/admin-bench.js'
import { ask } from '../../support/admin/ask.js'

/** What Prometheus adds to every series, and histograms to their buckets. */
const ADDED = ['job', 'instance', 'le']

const labels = new Map([...READINGS, ...MEASURED, ...COUNTED].map((each) => [PREFIX + each.name, each.labels]))

interface Panel {
  readonly title: string
  readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[]
}

const board = JSON.parse(readFileSync('examples/monitoring/grafana-dashboard.json', 'utf8')) as {
  readonly panels: readonly Panel[]
}
const rules = readFileSync('examples/monitoring/alerts.yaml', 'utf8')
  .split(/^ {6}- alert: /m)
  .slice(1)
  .map((rule) => [/^\w+/.exec(rule)?.[0] ?? '', /^ {8}expr: (.+)$/m.exec(rule)?.[1] ?? '', rule] as const)

const queries = [
  ...board.panels.flatMap(({ title, targets }) =>
    targets.map(({ expr, legendFormat }) => [title, expr, legendFormat] as const),
  ),
  ...rules,
]

/** The metrics of a query, the labels by which they are chosen, and those by which sums are made. */
const parse = (query: string) => {
  const series = [...query.matchAll(/(kafka_consumer_pool_\w+)(?:\{([^}]*)\})?/g)].map(
    ([, name = '', chosen = '']) => ({
      metric: name.replace(/_(?:bucket|sum|count)$/, ''),
      suffix: /_(?:bucket|sum|count)$/.exec(name)?.[0] ?? '',
      labels: [...chosen.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label),
    }),
  )
  const by = [...query.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(/,\s*/))
  return { series, by }
}

const balanced = (query: string): boolean => {
  let open = 0
  for (const sign of query) {
    if ('([{'.includes(sign)) open++
    if (')]}'.includes(sign) && --open < 0) return false
  }
  return open === 0
}

describe('each query of the dashboard and of the alert rules', () => {
  test('is there', () => {
    expect(board.panels.length).toBeGreaterThan(10)
    expect(rules.length).toBeGreaterThan(10)
    expect(new Set(rules.map(([name]) => name)).size).toBe(rules.length)
  })

  test('asks for metrics that a scrape has, of the kind that it takes them for', async () => {
    const { url } = await startAdmin()
    const { body } = await ask(url('/metrics?partitions'))
    const kinds = new Map([...body.matchAll(/^# TYPE (\S+) (\w+)$/gm)].map(([, name = '', kind = '']) => [name, kind]))
    expect(kinds.size).toBe(labels.size)
    for (const [title, query] of queries) {
      const { series } = parse(query)
      expect(series, title).not.toEqual([])
      for (const { metric, suffix } of series) {
        expect(kinds.get(metric), `${title}: ${metric}`).toBeDefined()
        expect(kinds.get(metric) === 'histogram', `${title}: ${metric}${suffix}`).toBe(suffix !== '')
        const isRated = new RegExp(`(?:rate|increase)\\(${metric}${suffix}\\b`).test(query)
        expect(isRated, `${title}: ${metric}`).toBe(kinds.get(metric) !== 'gauge')
      }
    }
  })

  test.each(queries)('%s: %s has labels that its metrics have', (_title, query, shown) => {
    expect(balanced(query)).toBe(true)
    const { series, by } = parse(query)
    const named = [...shown.matchAll(/\{\{ ?(?:\$labels\.)?(\w+) ?\}\}/g)].map(([, label = '']) => label)
    for (const { metric, labels: chosen } of series) {
      const known = [...(labels.get(metric) ?? []), ...ADDED]
      expect([...chosen, ...by, ...named].filter((label) => !known.includes(label))).toEqual([])
    }
    if (by.length > 0) expect(named.filter((label) => !by.includes(label))).toEqual([])
  })
})
