// How a connection finds its groups: by an exact principal, account, namespace, CIDR block or trust domain
// that the group requires, else by asking every connection.
import type { IndexBuilder } from './index-build.ts';
import {
  ACCOUNT,
  ACCOUNT_ANCHOR,
  ALIAS,
  ALIAS_ANCHOR,
  CIDR,
  CIDR_ANCHOR,
  CIDR_SHIFT,
  CIDR_WORDS,
  CONDITION_FIELD,
  CONDITION_HEAD,
  CONDITION_VALUES,
  CONDITION_WORDS,
  DOMAIN,
  DOMAIN_ANCHOR,
  EVERY_ANCHOR,
  EXACT,
  FIELD_MASK,
  GROUP_FROMS,
  GROUP_HEAD,
  GROUP_WHENS,
  hashText,
  KIND_MASK,
  NAMESPACE,
  NAMESPACE_ANCHOR,
  PRINCIPAL,
  PRINCIPAL_ANCHOR,
  REMOTE_ANCHOR,
  REMOTE_IP,
  SOURCE_ANCHOR,
  SOURCE_IP,
  VALUE_WORDS,
} from './table-layout.ts';

/** Where groups are read from. */
export interface AnchorSource {
  readonly groups: Int32Array;
  readonly blob: string;
}

interface Anchor {
  readonly kind: number;
  readonly hash: number;
}

/** The anchor kind of each field that can be one, the most selective first. */
const ANCHOR_FIELDS: readonly (readonly [field: number, kind: number])[] = [
  [PRINCIPAL, PRINCIPAL_ANCHOR],
  [ACCOUNT, ACCOUNT_ANCHOR],
  [SOURCE_IP, SOURCE_ANCHOR],
  [REMOTE_IP, REMOTE_ANCHOR],
  [NAMESPACE, NAMESPACE_ANCHOR],
  [DOMAIN, DOMAIN_ANCHOR],
];

/** Makes the group at `at` findable by every connection it can match. */
export function anchorGroup(builder: IndexBuilder, at: number, source: AnchorSource): void {
  for (const { kind, hash } of anchorsOf(source, at)) builder.add(0, kind, hash, at);
}

/** Makes CIDR blocks findable by prefix length and masked address; returns the lengths in use. */
export function indexBlocks(builder: IndexBuilder, cidrs: Int32Array): number[] {
  const prefixes = new Set<number>();
  for (let id = 1; (id - 1) * CIDR_WORDS + 1 < cidrs.length; id++) {
    const at = (id - 1) * CIDR_WORDS + 1;
    prefixes.add(cidrs[at]!);
    const hash = hashBlock(cidrs[at]!, cidrs[at + 1]!, cidrs[at + 2]!, cidrs[at + 3]!, cidrs[at + 4]!);
    builder.add(0, CIDR_ANCHOR, hash, id);
  }
  return [...prefixes].sort((a, b) => a - b);
}

/** The hash of a CIDR block: its prefix word, then its four address words. */
export function hashBlock(...words: [number, number, number, number, number]): number {
  return words.reduce((h, word) => Math.imul(h ^ word ^ (word >>> 16), 0x01000193), 0x811c9dc5 | 0);
}

function anchorsOf(source: AnchorSource, at: number): Anchor[] {
  const { groups } = source;
  let c = at + GROUP_HEAD;
  const whens = clauseAnchors(source, c, groups[at + GROUP_WHENS]!);
  if (whens !== null) return whens;
  for (let i = groups[at + GROUP_WHENS]!; i > 0; i--) c += groups[c + CONDITION_WORDS]!;
  const froms = groups[at + GROUP_FROMS]!;
  const anchors: Anchor[] = [];
  for (let i = 0; i < froms; i++) {
    const n = groups[c]!;
    const found = clauseAnchors(source, c + 1, n);
    if (found === null) return EVERY;
    anchors.push(...found);
    c++;
    for (let k = n; k > 0; k--) c += groups[c + CONDITION_WORDS]!;
  }
  return froms < 0 ? EVERY : anchors;
}

const EVERY: Anchor[] = [{ kind: EVERY_ANCHOR, hash: 0 }];

/** The anchors of the AND of `n` conditions from `start`: those of its most selective condition, or null. */
function clauseAnchors(source: AnchorSource, start: number, n: number): Anchor[] | null {
  for (const [field, kind] of ANCHOR_FIELDS) {
    let c = start;
    for (let i = n; i > 0; i--) {
      if ((source.groups[c + CONDITION_FIELD]! & FIELD_MASK) === field) {
        const anchors = valueAnchors(source, c, kind);
        if (anchors !== null) return anchors;
      }
      c += source.groups[c + CONDITION_WORDS]!;
    }
  }
  return null;
}

function valueAnchors({ groups, blob }: AnchorSource, c: number, kind: number): Anchor[] | null {
  const n = groups[c + CONDITION_VALUES]!;
  if (n === 0) return null;
  const anchors: Anchor[] = [];
  for (let i = 0; i < n; i++) {
    const at = c + CONDITION_HEAD + i * VALUE_WORDS;
    const word = groups[at]!;
    const start = groups[at + 1]!;
    const end = start + groups[at + 2]!;
    switch (word & KIND_MASK) {
      case EXACT:
        anchors.push({ kind, hash: hashText(blob, start, end) });
        break;
      case ALIAS:
        anchors.push({ kind: ALIAS_ANCHOR, hash: hashText(blob, blob.indexOf('/', start), end) });
        break;
      case CIDR:
        anchors.push({ kind, hash: word >> CIDR_SHIFT });
        break;
      default:
        return null;
    }
  }
  return anchors;
}
