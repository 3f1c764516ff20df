import type { RestartConfig } from '#src/config/resolved.js'

/** The defaults of option `restart`, with a limit for the pool that no test meets by chance. */
export const restartConfig = (more: Partial<RestartConfig> = {}): RestartConfig => ({
  delayMs: 1_000,
  maxDelayMs: 60_000,
  healthyAfterMs: 120_000,
  maxRestarts: 8,
  maxPoolRestarts: 100,
  windowMs: 300_000,
  probeMs: 60_000,
  ...more,
})
