import { type Issues, pathTo } from '../issues.js'
import { unknownOption } from '../names/unknown-name.js'
import { namesAt } from '../schema/leaves.js'
import type { Layer, Rank } from './layer.js'
import { LayerReader } from './read-layer.js'

/** Options as the user wrote them, before anything is known of their types. */
export type Fields = Readonly<Record<string, unknown>>

/** The names that may stand in an override, which are those that may stand in any layer. */
export const layerNames: readonly string[] = ['kafka', 'consumer', ...namesAt('processing')]

/** Reports every name that is not among the known ones. */
export const checkNames = (options: Fields, known: readonly string[], path: string, issues: Issues): void => {
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && !known.includes(name)) issues.add(pathTo(path, name), unknownOption(name, known))
  }
}

/** What one object of options sets: the pool's own, a subscription or the overrides of a slot. */
export const readLayer = (options: Fields, path: string, rank: Rank, issues: Issues): Layer => {
  const reader = new LayerReader(rank, issues)
  reader.properties('kafka', options.kafka, pathTo(path, 'kafka'))
  reader.properties('consumer', options.consumer, pathTo(path, 'consumer'))
  for (const name of namesAt('processing')) reader.option('processing', name, options[name], pathTo(path, name))
  if (rank !== 'shared') return withoutPool(reader.layer, issues)
  for (const name of namesAt('pool')) reader.option('pool', name, options[name], pathTo(path, name))
  return reader.layer
}

/** A dotted name may stand in any layer, but what it means for the whole pool cannot differ by layer. */
const withoutPool = (layer: Layer, issues: Issues): Layer =>
  new Map(
    [...layer].filter(([leaf, { from }]) => {
      if (!leaf.startsWith('pool.')) return true
      issues.add(from, 'is one for the whole pool. Move it into the shared consumer options', leaf)
      return false
    }),
  )
