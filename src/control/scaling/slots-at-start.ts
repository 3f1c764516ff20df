import type { ResolvedConfig, SlotConfig } from '../../config/resolved.js'

/** Those that a pool begins with: of each subscription the first ones. */
export const slotsAtStart = ({ workers, slots }: ResolvedConfig): readonly SlotConfig[] =>
  workers.flatMap(({ min }, place) => slots.filter(({ subscription }) => subscription === place).slice(0, min))
