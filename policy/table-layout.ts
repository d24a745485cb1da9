// The compiled rule table as numbers: what every word of its flat arrays means. compile writes it, evaluate
// reads it.

/**
 * A table serves one workload. Terms: a *rule* is a rule of a policy; an *entry* is one operation of one
 * rule (a rule without `to` has one entry, an operation with many paths several); a *group* is all entries
 * with the same source: equal `from`, equal conditions on what a connection fixes (`ports` too), equal
 * expiry.
 *
 * ```
 *  connection                                     request
 *  principal, IP class, port, SNI                 method, host, path
 *        |                                              |
 *        v  anchors in `hash` (node 0)                  v  nodes in `hash`
 *  +-----------+  root node   +-----------+  (node, kind, hash32)  +------------+   verify all   +--------+
 *  |  groups   | -----------> |   nodes   | ---------------------> | lists of   | -------------> | rules  |
 *  | from,when |  or entries  | path trie |                        | entries    |  conditions    | id,... |
 *  +-----------+              +-----------+                        +------------+  in `code`     +--------+
 *        |  kept as the connection's residual                             |
 *        +----------------------------------------------------------------+
 * ```
 *
 * Every variable-length record is a run of words:
 *
 * ```
 * code    entry      rule | group | slot | conditions n | n x condition
 * groups  group      expiry or -1 | entries ref | root node or 0 | whens n | froms n or -1 | n x condition
 *                    then per from: conditions n | n x condition
 * both    condition  field + flags | name | header name | words | values n | notValues n | (n + n) x value
 *         value      kind + CIDR id << 8 | offset in blob | length
 * hash    slot       node * 16 + kind, 0 = empty | hash32 | value: a node, or a ref
 * nodes   node       flags | partial lengths (bit n-1) | ref: any rest | ref: ends here | `{*}` child | skip
 * lists   list       n | n x entry (or group, or CIDR id)
 * rules   rule       id offset | id length | denyStatus
 * cidrs   block      prefix length, + 256 for IPv6 | 4 words, big-endian
 * ```
 *
 * A *ref* is 0 for nothing, a positive single item, or minus the offset of a list.
 *
 * Worked example. `ns[shop]-policy[web]-rule[0]` allows `td/ns/shop/sa/web` (`td` is the local trust domain)
 * to `GET /items/{*}`:
 *
 * ```
 * blob    "ns[shop]-policy[web]-rule[0]" "td/ns/shop/sa/web" "GET" "/items/{*}"
 * groups  @1: -1 | 1 | 0 | 0 | 1 |   1 | PRINCIPAL 0 -1 9 1 0   ALIAS 28 17
 * code    @1:  0 | 1 | ALLOW | 2 |   METHOD 1 -1 9 1 0   EXACT 45 3   PATH 2 -1 9 1 0   TEMPLATE 48 10
 * hash    (0, ALIAS_ANCHOR, hash32 "/ns/shop/sa/web") -> group 1
 * ```
 *
 * The group has one entry, so it needs no nodes: its entry is verified directly. With more than
 * `UNINDEXED_ENTRIES_MAX` it would get a root node R, and (R, kind 3: method exact and host any, hash32
 * "GET") -> N, (N, LITERAL, hash32 "items") -> M, and M's `{*}` child would carry the entry under "path
 * ends here".
 *
 * INVARIANT: the index only proposes. Every candidate is verified against all of its conditions, so a
 * colliding hash costs time and never changes a verdict; what must hold is that no matching entry is left
 * out.
 */
export const FORMAT = 1;

/**
 * Groups with more entries than this are indexed in the table. Those of a connection that are smaller share
 * a small index of its residual: fewer bytes to touch than a place of their own in the table's large one.
 */
export const UNINDEXED_ENTRIES_MAX = 64;

// entry
export const ENTRY_RULE = 0;
export const ENTRY_GROUP = 1;
export const ENTRY_SLOT = 2;
export const ENTRY_CONDITIONS = 3;
export const ENTRY_HEAD = 4;

// Where a matching entry is collected: by action, and apart when it is a dry run.
export const SLOT_DENY = 0;
export const SLOT_ALLOW = 1;
export const SLOT_AUDIT = 2;
export const SLOT_DRY_DENY = 3;
export const SLOT_DRY_ALLOW = 4;

// group
export const GROUP_EXPIRY = 0;
export const GROUP_ENTRIES = 1;
export const GROUP_ROOT = 2;
export const GROUP_WHENS = 3;
export const GROUP_FROMS = 4;
export const GROUP_HEAD = 5;

// condition
export const CONDITION_FIELD = 0;
export const CONDITION_NAME = 1;
export const CONDITION_KEY = 2;
export const CONDITION_WORDS = 3;
export const CONDITION_VALUES = 4;
export const CONDITION_NOTS = 5;
export const CONDITION_HEAD = 6;
export const VALUE_WORDS = 3;

export const FIELD_MASK = 0xff;
/** A header condition that holds when any value satisfies it (DENY, AUDIT), else all must (ALLOW). */
export const FLAG_ANY_VALUE = 0x100;
/** Positive values count only for trusted trust domains (they widen access). */
export const FLAG_TRUST_VALUES = 0x200;
/** Negative values count only for trusted trust domains. */
export const FLAG_TRUST_NOTS = 0x400;

// Fields known per request come first: `field <= HEADER`.
export const METHOD = 0;
export const PATH = 1;
export const HOST = 2;
export const HEADER = 3;
export const PRINCIPAL = 4;
export const NAMESPACE = 5;
export const ACCOUNT = 6;
export const DOMAIN = 7;
export const SOURCE_IP = 8;
export const REMOTE_IP = 9;
export const DESTINATION_IP = 10;
export const PORT = 11;
export const SNI = 12;
export const REQUEST_PRINCIPAL = 13;

// value kinds
export const KIND_MASK = 0x0f;
export const EXACT = 0;
export const PREFIX = 1;
export const SUFFIX = 2;
export const PRESENCE = 3;
export const TEMPLATE = 4;
export const CIDR = 5;
/**
 * A five-segment principal of the local trust domain or an alias of it: only what follows the domain is
 * compared.
 */
export const ALIAS = 6;
/** A host value with a port: compared with the port of the request. */
export const WITH_PORT = 0x10;
export const CIDR_SHIFT = 8;

// hash slot
export const SLOT_WORDS = 3;
export const KINDS = 16;
// Kinds 1 to 5 below a root: 3 * (method exact) + (0 host any, 1 host without port, 2 host with port).
export const PATH_EXACT = 6;
export const LITERAL = 7;
export const PARTIAL = 8;
// Kinds below node 0: how a connection finds its groups.
export const EVERY_ANCHOR = 1;
export const PRINCIPAL_ANCHOR = 2;
export const ALIAS_ANCHOR = 3;
export const NAMESPACE_ANCHOR = 4;
export const ACCOUNT_ANCHOR = 5;
export const DOMAIN_ANCHOR = 6;
export const SOURCE_ANCHOR = 7;
export const REMOTE_ANCHOR = 8;
export const CIDR_ANCHOR = 9;

// node
export const NODE_FLAGS = 0;
export const NODE_PARTIALS = 1;
export const NODE_REST = 2;
export const NODE_END = 3;
export const NODE_STAR = 4;
/** Segments to pass over unseen, towards the node in `NODE_STAR`: all paths here share them. */
export const NODE_SKIP = 5;
export const NODE_WORDS = 6;
// Flags: bits 1 to 5 are the method and host kinds of a root.
export const HAS_EXACT = 0x40;
export const HAS_LITERAL = 0x80;
/** Segments of the path lead further: a partial, a literal or a `{*}` child. */
export const HAS_TRIE = 0x100;
/** Templates and prefixes deeper than this are indexed by their first segments. */
export const TRIE_DEPTH_MAX = 16;
/** Longest partial segment of a prefix that is hashed; a longer one is indexed by its first characters. */
export const PARTIAL_LENGTH_MAX = 31;

export const RULE_WORDS = 3;
export const CIDR_WORDS = 5;
export const CIDR_V6 = 0x100;

/** 32-bit FNV-1a of `text[start, end)`, by UTF-16 code units; `seed` is the hash of what came before. */
export function hashText(text: string, start: number, end: number, seed = HASH_SEED): number {
  let h = seed;
  for (let i = start; i < end; i++) h = Math.imul(h ^ text.charCodeAt(i), HASH_PRIME);
  return h;
}

export const HASH_SEED = 0x811c9dc5 | 0;
export const HASH_PRIME = 0x01000193;

/** Where the probe for (nodeKind, hash) begins; `mask` is the number of slots, a power of two, minus one. */
export function slotOf(nodeKind: number, hash: number, mask: number): number {
  let h = Math.imul(hash ^ Math.imul(nodeKind, 0x9e3779b1 | 0), 0x85ebca6b | 0);
  h ^= h >>> 15;
  return h & mask;
}

/** The value stored under (nodeKind, hash), or 0. */
export function probe(table: Int32Array, mask: number, nodeKind: number, hash: number): number {
  for (let slot = slotOf(nodeKind, hash, mask); ; slot = (slot + 1) & mask) {
    const at = slot * SLOT_WORDS;
    const found = table[at]!;
    if (found === 0) return 0;
    if (found === nodeKind && table[at + 1] === hash) return table[at + 2]!;
  }
}

/**
 * The hash of a path, `text[start, end)`: of the hashes of its segments, the first ending before its first
 * slash.
 */
export function hashPath(text: string, start: number, end: number): number {
  let whole = HASH_SEED;
  let h = HASH_SEED;
  for (let i = start; i < end; i++) {
    const c = text.charCodeAt(i);
    if (c === SLASH) {
      whole = Math.imul(whole ^ h, HASH_PRIME);
      h = HASH_SEED;
    } else {
      h = Math.imul(h ^ c, HASH_PRIME);
    }
  }
  return Math.imul(whole ^ h, HASH_PRIME);
}

/** Combines the hashes of a method and a host. */
export function hashPair(method: number, host: number): number {
  return (Math.imul(method, 31) + host) | 0;
}

/** Where the name of a host ends and its port begins: the last colon after any `]`, else the end. */
export function hostNameEnd(host: string): number {
  if (host.indexOf(':') < 0) return host.length;
  for (let at = host.length - 1; at >= 0; at--) {
    const c = host.charCodeAt(at);
    if (c === COLON) return at;
    if (c === CLOSE_BRACKET) break;
  }
  return host.length;
}

const COLON = 0x3a;
const CLOSE_BRACKET = 0x5d;
const SLASH = 0x2f;
