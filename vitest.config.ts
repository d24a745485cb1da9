// Two projects: `unit` runs everything that needs no process of ours; `e2e` spawns the real entry point on
// real sockets.
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/*.test.ts', 'test/{unit,contract,conformance,property}/**/*.test.ts'],
          testTimeout: 20_000,
          expect: { poll: { timeout: 10_000 } },
          // As image and systemd unit start Node: no session tickets (bench/check.ts wants none).
          execArgv: [`--openssl-config=${join(import.meta.dirname, 'deploy/openssl.cnf')}`],
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          expect: { poll: { timeout: 10_000 } },
          // Most of a file's time is waiting for deadlines: three at once on two cores, and no more.
          maxWorkers: 3,
        },
      },
    ],
  },
});
