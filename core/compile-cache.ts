// At every start Node compiles the same files again, and strips their types first when they are sources; that
// costs more than all the rest of the start. With its compile cache only the first start pays; what is cached
// is found by the content of the file.
import { enableCompileCache, flushCompileCache } from 'node:module';
import { join } from 'node:path';

// From sources the dependencies are one folder above this one; emitted, two.
const UP = import.meta.url.endsWith('.ts') ? '..' : '../..';
const FOLDER = join(import.meta.dirname, UP, 'node_modules/.cache/sallyport');

/** The same for a process that is started, as its environment: then its first file is kept too. */
export const CACHE_COMPILED: Readonly<Record<string, string>> = { NODE_COMPILE_CACHE: FOLDER };

/**
 * Keeps what the files imported from now on compile to, beside the dependencies; where that folder cannot be
 * written nothing happens.
 */
export function cacheCompiled(): void {
  enableCompileCache(FOLDER);
}

/** Writes what was compiled so far: for a process that may be killed before Node writes it at its end. */
export const keepCompiled = flushCompileCache;
