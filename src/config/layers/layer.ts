import { leaves } from '../schema/leaves.js'

/** The layers, from the least specific to the most. */
export const ranks = ['default', 'shared', 'subscription', 'slot'] as const

export type Rank = (typeof ranks)[number]

/** A value that some layer sets. */
export interface Setting {
  readonly value: unknown
  /** Where the user wrote it; for a default the leaf's path. */
  readonly from: string
  readonly rank: Rank
}

/** What one layer sets, by leaf path. A leaf that is not in it is not set; there is no `undefined` in a layer. */
export type Layer = ReadonlyMap<string, Setting>

/**
 * Lays layers over each other, leaf by leaf: the last one that sets a leaf wins, and a leaf that is set in any of them
 * is set in the result.
 */
export const mergeLayers = (...layers: readonly Layer[]): Layer => new Map(layers.flatMap((layer) => [...layer]))

/** Whether `rank` is at least as specific as `other`. */
export const atLeast = (rank: Rank, other: Rank): boolean => ranks.indexOf(rank) >= ranks.indexOf(other)

/** The constant defaults of the schema. */
export const defaultLayer: Layer = new Map(
  [...leaves.values()]
    .filter((leaf) => leaf.initial !== undefined)
    .map((leaf) => [leaf.path, { value: leaf.initial, from: leaf.path, rank: 'default' }] as const),
)
