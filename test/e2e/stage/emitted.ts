// The emitted form of the tree as it is now, laid out as in the image.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';

const root = join(import.meta.dirname, '../../..');

/** A freshly built program. */
export class Emitted {
  readonly #folder = mkdtempSync(join(tmpdir(), 'sallyport-emitted-'));
  readonly entry = join(this.#folder, 'dist/cli/main.js');

  constructor() {
    const rolldown = join(root, 'node_modules/.bin/rolldown');
    const dist = join(this.#folder, 'dist');
    const built = spawnSync(rolldown, ['-c', join(root, 'rolldown.config.ts'), '--dir', dist], {
      encoding: 'utf8',
    });
    expect(built.status, built.stderr).toBe(0);
    for (const name of ['node_modules', 'package.json'])
      symlinkSync(join(root, name), join(this.#folder, name));
  }

  close(): void {
    rmSync(this.#folder, { recursive: true });
  }
}
