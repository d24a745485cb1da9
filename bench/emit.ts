// Emits the harness as JavaScript beside the emitted program, for the npm tarball; the image has none of it.
// Apart from rolldown.config.ts, so that the proxy's files stay what they are. Run: node bench/emit.ts [DIR]
import { join } from 'node:path';
import { build } from 'rolldown';
import { PROGRAMS, ROOT } from './program.ts';

const DIST = process.argv[2] ?? join(ROOT, 'dist');

await build({
  cwd: ROOT,
  input: Object.fromEntries(['main', ...PROGRAMS].map((name) => [name, `./bench/${name}.ts`])),
  platform: 'node',
  // Packages: one that only a peer needs is looked for when that peer is measured.
  external: [/^[^./]/],
  output: {
    dir: join(DIST, 'bench'),
    cleanDir: true,
    entryFileNames: '[name].js',
    // Where main is: bench/program.ts finds the programs below itself.
    chunkFileNames: '[name].js',
    comments: { legal: true, annotation: false, jsdoc: false },
  },
});
