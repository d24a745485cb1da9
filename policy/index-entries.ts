// Puts entries into an index: by exact method and host, and below those by path. What a form cannot be
// indexed by is left out of its key; the entry is then proposed more often, and verified as always.
import type { IndexBuilder } from './index-build.ts';
import {
  CONDITION_FIELD,
  CONDITION_HEAD,
  CONDITION_VALUES,
  CONDITION_WORDS,
  ENTRY_CONDITIONS,
  ENTRY_HEAD,
  EXACT,
  FIELD_MASK,
  HAS_EXACT,
  HOST,
  hashPair,
  hashPath,
  hashText,
  KIND_MASK,
  LITERAL,
  METHOD,
  NODE_END,
  NODE_FLAGS,
  NODE_PARTIALS,
  NODE_REST,
  PARTIAL,
  PARTIAL_LENGTH_MAX,
  PATH,
  PATH_EXACT,
  PREFIX,
  TEMPLATE,
  TRIE_DEPTH_MAX,
  VALUE_WORDS,
  WITH_PORT,
} from './table-layout.ts';

// More keys than this for one entry: it is indexed by fewer dimensions.
const ENTRY_KEYS_MAX = 64;
const SLASH = 0x2f;
const OPEN_BRACE = 0x7b;

/** Where entries are read from. */
export interface EntrySource {
  readonly code: Int32Array;
  readonly blob: string;
}

/** Inserts `entries` (offsets in `code`, ascending) below `root`. */
export function indexEntries(
  builder: IndexBuilder,
  root: number,
  entries: Iterable<number>,
  source: EntrySource,
): void {
  for (const entry of entries) indexEntry(builder, root, entry, source);
}

function indexEntry(builder: IndexBuilder, root: number, entry: number, source: EntrySource): void {
  const paths = positiveValues(source, entry, PATH);
  const indexedPaths = paths?.every((value) => isIndexedPath(source, value)) ? paths : null;
  let methods = exactValues(source, entry, METHOD);
  let hosts = exactValues(source, entry, HOST);
  const pathKeys = indexedPaths?.length ?? 1;
  if ((methods?.length ?? 1) * (hosts?.length ?? 1) * pathKeys > ENTRY_KEYS_MAX) methods = null;
  if ((hosts?.length ?? 1) * pathKeys > ENTRY_KEYS_MAX) hosts = null;
  for (const method of methods ?? [-1]) {
    const methodHash = method < 0 ? 0 : hashOf(source, method);
    for (const host of hosts ?? [-1]) {
      const hostHash = host < 0 ? 0 : hashOf(source, host);
      const withPort = host >= 0 && (source.code[host]! & WITH_PORT) !== 0;
      const kind = (method < 0 ? 0 : 3) + (host < 0 ? 0 : withPort ? 2 : 1);
      const node = kind === 0 ? root : builder.child(root, kind, hashPair(methodHash, hostHash));
      if (indexedPaths === null) builder.addToNode(node, NODE_REST, entry);
      else for (const path of indexedPaths) indexPath(builder, node, entry, path, source);
    }
  }
}

/** Offsets of the positive values of the entry's condition on `field`, or null when there are none. */
function positiveValues({ code }: EntrySource, entry: number, field: number): number[] | null {
  let c = entry + ENTRY_HEAD;
  for (let i = code[entry + ENTRY_CONDITIONS]!; i > 0; i--) {
    const n = code[c + CONDITION_VALUES]!;
    if ((code[c + CONDITION_FIELD]! & FIELD_MASK) === field && n > 0) {
      return Array.from({ length: n }, (_, k) => c + CONDITION_HEAD + k * VALUE_WORDS);
    }
    c += code[c + CONDITION_WORDS]!;
  }
  return null;
}

function exactValues(source: EntrySource, entry: number, field: number): number[] | null {
  const values = positiveValues(source, entry, field);
  return values?.every((value) => (source.code[value]! & KIND_MASK) === EXACT) ? values : null;
}

function hashOf({ code, blob }: EntrySource, value: number): number {
  const start = code[value + 1]!;
  return hashText(blob, start, start + code[value + 2]!);
}

function isIndexedPath({ code, blob }: EntrySource, value: number): boolean {
  const kind = code[value]! & KIND_MASK;
  if (kind === EXACT) return true;
  if (kind !== PREFIX && kind !== TEMPLATE) return false;
  return code[value + 2]! > 0 && blob.charCodeAt(code[value + 1]!) === SLASH;
}

function indexPath(
  builder: IndexBuilder,
  top: number,
  entry: number,
  value: number,
  source: EntrySource,
): void {
  const { code, blob } = source;
  const kind = code[value]! & KIND_MASK;
  const end = code[value + 1]! + code[value + 2]!;
  if (kind === EXACT) {
    builder.add(top, PATH_EXACT, hashPath(blob, code[value + 1]!, end), entry);
    builder.flag(top, NODE_FLAGS, HAS_EXACT);
    return;
  }
  let node = top;
  let start = code[value + 1]! + 1; // after the leading slash
  for (let depth = 0; depth < TRIE_DEPTH_MAX; depth++) {
    const slash = blob.indexOf('/', start);
    const last = slash < 0 || slash >= end;
    const stop = last ? end : slash;
    if (last && kind === PREFIX) {
      indexPartial(builder, node, entry, { blob, start, stop });
      return;
    }
    if (kind === TEMPLATE && blob.charCodeAt(start) === OPEN_BRACE) {
      if (stop - start !== 3) break; // `{**}`: the rest
      node = builder.starChild(node);
    } else {
      node = builder.child(node, LITERAL, hashText(blob, start, stop));
    }
    if (last) {
      builder.addToNode(node, NODE_END, entry);
      return;
    }
    start = stop + 1;
  }
  builder.addToNode(node, NODE_REST, entry);
}

function indexPartial(
  builder: IndexBuilder,
  node: number,
  entry: number,
  { blob, start, stop }: { blob: string; start: number; stop: number },
): void {
  const length = Math.min(stop - start, PARTIAL_LENGTH_MAX);
  if (length === 0) {
    builder.addToNode(node, NODE_REST, entry);
    return;
  }
  builder.add(node, PARTIAL, hashText(blob, start, start + length), entry);
  builder.flag(node, NODE_PARTIALS, 1 << (length - 1));
}
