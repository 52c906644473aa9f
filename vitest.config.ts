import { defineConfig } from 'vitest/config';

/** `unit` needs nothing but Node and git; `cluster` shares one real control plane, started once for the whole run. */
const config = defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts', 'tools/**/*.test.ts', 'chaos/**/*.test.ts'],
          exclude: ['**/*.cluster.test.ts'],
          setupFiles: ['packages/testkit/src/drawn.setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          expect: { poll: { timeout: 10_000 } },
        },
      },
      {
        test: {
          name: 'cluster',
          include: ['packages/*/src/**/*.cluster.test.ts', 'test/**/*.test.ts'],
          globalSetup: ['packages/testkit/src/control-plane.setup.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          expect: { poll: { timeout: 10_000 } },
        },
      },
    ],
  },
});
export default config;
