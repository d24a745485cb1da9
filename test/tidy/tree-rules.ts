// tidy's rules about files together: who may import whom, what a start of the proxy loads, and how long files
// are.
import { dirname } from 'node:path';
import { NO_REGULAR_EXPRESSION } from './file-rules.ts';
import type { Finding, Import, Source } from './source.ts';

/**
 * What the files of a folder may import besides their own folder. `test` and `docs` stand outside the
 * product.
 */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  core: [],
  policy: ['core'],
  certs: ['core'],
  proxy: ['core', 'policy', 'certs'],
  kube: ['core', 'policy', 'certs'],
  fleet: ['core', 'policy', 'certs'],
  cli: ['core', 'policy', 'certs', 'proxy', 'kube', 'fleet'],
  bench: ['core', 'policy', 'certs', 'proxy'],
  docs: ['core', 'policy', 'certs', 'proxy', 'kube', 'fleet', 'cli'],
  test: ['core', 'policy', 'certs', 'proxy', 'kube', 'fleet', 'cli', 'docs', 'bench'],
  '': [],
};
const CORE_PACKAGES = new Set(['zod', 'yaml']);
const CORE_FILES_MAX = 10;
/**
 * Memory that a running proxy would hold for nothing: the loader process parses, other verbs build and fetch.
 */
const NOT_AT_START = new Set(['node-forge', 'undici', 'yaml', 'zod']);
const LINES_SOFT = 300;
const LINES_HARD = 500;

const packageOf = ({ specifier, path }: Import): string | null => {
  if (path !== null || specifier.startsWith('node:')) return null;
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? null);
};

/** Imports that go against the arrows. */
export function arrowFindings(sources: readonly Source[]): Finding[] {
  return sources.flatMap(({ path, folder, imports }) => {
    const allowed = ARROWS[folder];
    if (allowed === undefined) return [{ path, line: 0, message: `the folder \`${folder}\` has no arrows` }];
    return imports.flatMap((one) => {
      if (one.path === null) return [];
      const target = one.path.includes('/') ? one.path.slice(0, one.path.indexOf('/')) : '';
      if (target === folder || allowed.includes(target)) return [];
      return [
        { path, line: one.line, message: `${folder || 'the root'} may not import \`${one.specifier}\`` },
      ];
    });
  });
}

/** Packages that core may not import, and packages that a folder imports in more than one file. */
export function packageFindings(sources: readonly Source[]): Finding[] {
  const owners = new Map<string, string>();
  return sources.flatMap(({ path, folder, imports }) =>
    imports.flatMap((one) => {
      const name = packageOf(one);
      if (name === null || one.kind === 'erased' || folder === 'test' || folder === '') return [];
      if (folder === 'core' && !CORE_PACKAGES.has(name)) {
        return [{ path, line: one.line, message: `core may not import \`${name}\`` }];
      }
      const owner = owners.get(`${folder} ${name}`) ?? path;
      owners.set(`${folder} ${name}`, owner);
      return owner === path
        ? []
        : [{ path, line: one.line, message: `\`${name}\` is imported by ${owner} already` }];
    }),
  );
}

/** core stays a small vocabulary; the configuration has a folder of its own in it. */
export function coreSizeFindings(sources: readonly Source[]): Finding[] {
  const count = sources.filter(({ path }) => dirname(path) === 'core').length;
  return count > CORE_FILES_MAX
    ? [{ path: 'core', line: 0, message: `${count} files, at most ${CORE_FILES_MAX}` }]
    : [];
}

/** Files over the soft limit that are not listed, or have grown, or need their entry no more. */
export function lengthFindings(
  sources: readonly Source[],
  listed: Readonly<Record<string, number>>,
): Finding[] {
  const found: Finding[] = [];
  const seen = new Map(sources.map((source) => [source.path, source.lines.length]));
  for (const [path, lines] of seen) {
    // A test is a table of rows: only the hard limit holds.
    const soft = path.startsWith('test/') ? LINES_HARD : LINES_SOFT;
    const limit = Math.min(listed[path] ?? soft, LINES_HARD);
    if (lines > limit) found.push({ path, line: 0, message: `${lines} lines, at most ${limit}` });
  }
  for (const [path, lines] of Object.entries(listed)) {
    const now = seen.get(path) ?? 0;
    if (now < lines)
      found.push({ path, line: 0, message: `listed with ${lines} lines, has ${now}: lower it` });
  }
  return found;
}

/** The files that starting at `entries` loads, in the order of discovery, with the packages beside them. */
export function loadedBy(
  sources: readonly Source[],
  entries: readonly string[],
): { files: Source[]; packages: { name: string; by: string; line: number }[] } {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const queue = [...entries];
  const reached = new Set<string>();
  const files: Source[] = [];
  const packages: { name: string; by: string; line: number }[] = [];
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    const source = byPath.get(path);
    if (source === undefined || reached.has(path)) continue;
    reached.add(path);
    files.push(source);
    for (const one of source.imports) {
      if (one.kind !== 'static') continue;
      const name = packageOf(one);
      if (one.path !== null) queue.push(one.path);
      else if (name !== null) packages.push({ name, by: path, line: one.line });
    }
  }
  return { files, packages };
}

/** Entries that tidy.test.ts names and that have moved: their rules would hold for nothing. */
export function entryFindings(sources: readonly Source[], entries: readonly string[]): Finding[] {
  const paths = new Set(sources.map(({ path }) => path));
  return entries
    .filter((path) => !paths.has(path))
    .map((path) => ({ path, line: 0, message: 'is named by the tidy test and does not exist' }));
}

/** Packages that a running proxy would hold in memory although it does not need them. */
export function startFindings(sources: readonly Source[], entries: readonly string[]): Finding[] {
  return loadedBy(sources, entries)
    .packages.filter(({ name }) => NOT_AT_START.has(name))
    .map(({ name, by, line }) => ({
      path: by,
      line,
      message: `\`${name}\` is loaded when the proxy starts`,
    }));
}

/** Regular expressions in proxy/ and in the files of policy/ that `evaluators` load. */
export function regularExpressionFindings(
  sources: readonly Source[],
  evaluators: readonly string[],
): Finding[] {
  const evaluating = loadedBy(sources, evaluators).files.filter(({ folder }) => folder === 'policy');
  const onDataPath = new Set([...sources.filter(({ folder }) => folder === 'proxy'), ...evaluating]);
  return [...onDataPath].flatMap((source) => NO_REGULAR_EXPRESSION.find(source));
}
