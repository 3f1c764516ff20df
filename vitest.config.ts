import { defineConfig } from 'vitest/config'

// Tests run against the compiled code in dist (imports of `#src/...`), which is what users get.
const common = { server: { deps: { external: [/\/dist\//] } } }

export default defineConfig({
  test: {
    projects: [
      { test: { ...common, name: 'unit', include: ['test/unit/**/*.test.ts'] } },
      { test: { ...common, name: 'threads', include: ['test/threads/**/*.test.ts'], testTimeout: 30_000 } },
      {
        test: {
          ...common,
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: ['test/support/global-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
