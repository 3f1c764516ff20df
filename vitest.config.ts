import { defineConfig } from 'vitest/config'

// Tests run against the compiled code in dist (imports of `#src/...`), which is what users get.
const common = {
  server: { deps: { external: [/\/dist\//] } },
  expect: { poll: { timeout: 20_000 } }, // what comes at once on a quiet machine takes seconds on a busy one
}

// Before a test with threads: that they run the code that is in `src`.
const built = 'test/support/built.ts'

// One kind after the other: tests that measure time must not share the cores with others.
const turn = (groupOrder: number) => ({ sequence: { groupOrder } })

export default defineConfig({
  test: {
    projects: [
      { test: { ...common, ...turn(1), name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 30_000 } },
      {
        test: {
          ...common,
          ...turn(2),
          name: 'threads',
          include: ['test/threads/**/*.test.ts'],
          globalSetup: [built],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          ...common,
          ...turn(3),
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: [built, 'test/support/cluster/global-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // A real broker beside noisy neighbours: a second look, which the report shows ("retry x1").
          retry: process.env.CI === 'true' ? 1 : 0,
          fileParallelism: false,
        },
      },
      // Has its own brokers, to harm them, and no second look: what it finds is to be understood.
      { test: { ...common, ...turn(4), name: 'faults', include: ['test/faults/**/*.test.ts'], globalSetup: [built] } },
    ],
  },
})
