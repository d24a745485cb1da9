// Emits the JavaScript that the image and the npm tarball carry, when it is missing or older than its
// sources.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { FROM_SOURCES, ROOT } from './program.ts';

/** The two ways to start the proxy. */
export const ENTRY = { emitted: join(ROOT, 'dist/cli/main.js'), source: join(ROOT, 'cli/main.ts') } as const;

const SOURCES = ['core', 'policy', 'certs', 'proxy', 'cli'];

/** Builds when needed; the emitted harness measures what it came with. @throws when the build fails */
export function buildWhenStale(progress: (text: string) => void): void {
  if (!FROM_SOURCES || !isStale()) return;
  progress('building dist (npm run build)');
  const rolldown = join(ROOT, 'node_modules/.bin/rolldown');
  run(rolldown, '-c', 'rolldown.config.ts');
  run(process.execPath, 'bench/emit.ts'); // what was emitted of the harness is gone with the rest
  if (isStale()) throw new Error('the build left an older file than its sources');
}

function run(command: string, ...args: string[]): void {
  const { error, status, stderr } = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8' });
  if (status !== 0) throw new Error(`the build failed: ${error?.message ?? stderr.trim()}`);
}

function isStale(): boolean {
  if (!existsSync(ENTRY.emitted)) return true;
  const built = statSync(ENTRY.emitted).mtimeMs;
  return SOURCES.some((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true }).some(
      (entry) => entry.isFile() && statSync(join(entry.parentPath, entry.name)).mtimeMs > built,
    ),
  );
}
