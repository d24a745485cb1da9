// What `npm run build` emits: a few files instead of the 300 that every start would find, read and link one
// by one. zod and yaml are in them, because each start of the loader process needs them (bench `start`); the
// other packages stay in node_modules. Nothing is renamed: a stack trace reads like the sources.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig, type Plugin } from 'rolldown';
import about from './package.json' with { type: 'json' };

const BUNDLED = ['yaml', 'zod'];
/** Files of cli/ that every start loads. */
const STARTING = [
  ...[
    'args',
    'certs-verbs',
    'dispatch',
    'flows/verbs',
    'help',
    'policy/verbs',
    'proxy',
    'proxy-events',
    'verbs',
  ],
  'version',
];

/** The licences of the packages whose code is in the emitted files. */
const licences: Plugin = {
  name: 'licences',
  generateBundle() {
    const texts = BUNDLED.map((name) => {
      const text = readFileSync(join(import.meta.dirname, 'node_modules', name, 'LICENSE'), 'utf8');
      return `Parts of ${name} are in the files of this folder:\n\n${text.trim()}\n`;
    });
    this.emitFile({ type: 'asset', fileName: 'LICENSES.txt', source: texts.join('\n\n') });
  },
};

export default defineConfig({
  cwd: import.meta.dirname,
  input: { 'cli/main': 'cli/main.ts', 'policy/worker': 'policy/worker.ts' },
  platform: 'node',
  // The same code as modules, which the bundler can join; the other form is a fifth larger and starts slower.
  resolve: { alias: { yaml: join(import.meta.dirname, 'node_modules/yaml/browser/index.js') } },
  external: Object.keys(about.dependencies).filter((name) => !BUNDLED.includes(name)),
  plugins: [licences],
  output: {
    dir: 'dist',
    cleanDir: true,
    entryFileNames: '[name].js',
    // As far below package.json as the entries are: a path that starts at import.meta holds in every file.
    chunkFileNames: 'chunks/[name].js',
    comments: { legal: true, annotation: false, jsdoc: false },
    codeSplitting: {
      groups: [
        // What runs before the loader process is started.
        {
          name: 'start',
          test: new RegExp(`/(cli/(${STARTING.join('|')})|policy/worker-client)\\.ts$`),
        },
        { name: 'yaml', test: /\/node_modules\/yaml\// },
        // Without the larger form of zod, which some verbs use and the loader process does not.
        { name: 'zod', test: /\/node_modules\/zod\/v4\/(core|mini)\// },
      ],
    },
  },
});
