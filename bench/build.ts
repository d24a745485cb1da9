// Emits the JavaScript that the image and the npm tarball carry, when it is missing or older than its
// sources.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** The two ways to start the proxy. */
export const ENTRY = { emitted: join(ROOT, 'dist/cli/main.js'), source: join(ROOT, 'cli/main.ts') } as const;

const SOURCES = ['core', 'policy', 'certs', 'proxy', 'cli'];

/** Builds when needed. @throws when the compiler emits nothing */
export function buildWhenStale(progress: (text: string) => void): void {
  if (!isStale()) return;
  progress('building dist (tsc -p tsconfig.build.json)');
  const tsc = join(ROOT, 'node_modules/.bin/tsc');
  const built = spawnSync(tsc, ['-p', 'tsconfig.build.json'], { cwd: ROOT, encoding: 'utf8' });
  const findings = `${built.stdout ?? ''}${built.stderr ?? ''}`.trim();
  if (isStale()) throw new Error(`the build emitted nothing: ${built.error?.message ?? findings}`);
  // Type errors do not change what is emitted, but whoever reads the figures must know.
  if (built.status !== 0) progress(`warning: the build has type errors: ${findings.split('\n')[0]}`);
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
