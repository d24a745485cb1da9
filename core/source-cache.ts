// Started from sources, Node strips the types of every file again at every start, which costs more than all
// the rest of the start. With its compile cache only the first start pays; what is cached is found by the
// content of the file.
import { enableCompileCache, flushCompileCache } from 'node:module';
import { join } from 'node:path';

/**
 * Keeps what the files imported from now on compile to, beside the dependencies. Emitted JavaScript gains
 * nothing from a cache and gets none; where the folder cannot be written nothing happens.
 */
export function cacheSources(): void {
  if (!import.meta.url.endsWith('.ts')) return;
  enableCompileCache(join(import.meta.dirname, '../node_modules/.cache/sallyport'));
}

/** Writes what was compiled so far: for a process that may be killed before Node writes it at its end. */
export const keepCompiled = flushCompileCache;
