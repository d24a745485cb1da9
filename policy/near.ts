// Why nothing allowed a request: the ALLOW rules that came closest, and the first field of each that failed.
// A slow path: it is asked about a denied request, rate-limited by its caller.
import { ruleId } from './evaluate-decision.ts';
import { NEAR_RULES_MAX } from './limits.ts';
import { type Failure, failureAt } from './near-failure.ts';
import type { ConnectionFacts, NearRule, RequestFacts } from './request.ts';
import { residualFor } from './residual.ts';
import { itemsOf, type Peer, peerHolds, peerOf } from './residual-peer.ts';
import type { Table } from './table.ts';
import {
  CONDITION_WORDS,
  ENTRY_CONDITIONS,
  ENTRY_GROUP,
  ENTRY_HEAD,
  ENTRY_RULE,
  ENTRY_SLOT,
  GROUP_ENTRIES,
  GROUP_EXPIRY,
  GROUP_FROMS,
  GROUP_HEAD,
  GROUP_WHENS,
  SLOT_ALLOW,
} from './table-layout.ts';

const RULES_SCANNED_MAX = 2000;
const ENTRIES_SCANNED_MAX = 4 * RULES_SCANNED_MAX;

/** How near a conjunction came: conditions that held, those that did not, and where they are. */
interface Score {
  readonly held: number;
  readonly failed: readonly Failure[];
}

const NOTHING: Score = { held: 0, failed: [] };

/**
 * At most 3 ALLOW rules, those with most conditions satisfied first. Looks at 2,000 rules, those of the
 * caller first.
 */
export function nearest(
  table: Table,
  connection: ConnectionFacts,
  request: RequestFacts,
  nowMs: number,
): NearRule[] {
  const facts: ConnectionFacts =
    connection.remoteIp === undefined ? { ...connection, remoteIp: request.remoteIp } : connection;
  const scorer = new Scorer(table, peerOf(table, facts), nowMs);
  const best = new Map<number, Score>();
  let entries = 0;
  table.run.begin(request.http);
  for (const entry of candidates(table, residualFor(table, facts, nowMs).groups)) {
    if (entries++ >= ENTRIES_SCANNED_MAX) break;
    const score = scorer.entry(entry);
    if (score === null) continue;
    const rule = table.code[entry + ENTRY_RULE]!;
    const known = best.get(rule);
    if (known === undefined && best.size >= RULES_SCANNED_MAX) break;
    if (known === undefined || compare(score, known) < 0) best.set(rule, score);
  }
  const near = [...best]
    .filter(([, { failed }]) => failed.length > 0)
    .sort(([a, scoreA], [b, scoreB]) => compare(scoreA, scoreB) || a - b)
    .slice(0, NEAR_RULES_MAX)
    .map(([rule, { failed }]) => ({
      rule: ruleId(table, rule),
      ...failureAt(table, scorer.peer, request.http, failed),
    }));
  table.run.end();
  return near;
}

/** Entries of the groups that the caller belongs to, then all in table order. */
function* candidates(table: Table, groups: readonly number[]): Generator<number> {
  for (const at of groups) yield* itemsOf(table.groups[at + GROUP_ENTRIES]!, table.lists);
  for (let entry = 1; entry < table.code.length; ) {
    yield entry;
    const conditions = table.code[entry + ENTRY_CONDITIONS]!;
    entry += ENTRY_HEAD;
    for (let i = conditions; i > 0; i--) entry += table.code[entry + CONDITION_WORDS]!;
  }
}

/** What failed nowhere first, then what held most, then what failed least. */
function compare(a: Score, b: Score): number {
  const complete = Number(b.failed.length === 0) - Number(a.failed.length === 0);
  return complete || b.held - a.held || a.failed.length - b.failed.length;
}

function joined(a: Score, b: Score): Score {
  return { held: a.held + b.held, failed: [...a.failed, ...b.failed] };
}

class Scorer {
  readonly peer: Peer;
  readonly #table: Table;
  readonly #nowMs: number;
  readonly #groups = new Map<number, Score | null>();

  constructor(table: Table, peer: Peer, nowMs: number) {
    this.#table = table;
    this.peer = peer;
    this.#nowMs = nowMs;
  }

  /** Null for what is no ALLOW in force. */
  entry(entry: number): Score | null {
    const { code, run } = this.#table;
    if (code[entry + ENTRY_SLOT] !== SLOT_ALLOW) return null;
    const group = this.#group(code[entry + ENTRY_GROUP]!);
    if (group === null) return null;
    const own = this.#conditions(code, entry + ENTRY_HEAD, code[entry + ENTRY_CONDITIONS]!, (c) =>
      run.holds(c, false),
    );
    return joined(group, own.score);
  }

  #group(at: number): Score | null {
    let score = this.#groups.get(at);
    if (score === undefined) {
      score = this.#scoreGroup(at);
      this.#groups.set(at, score);
    }
    return score;
  }

  #scoreGroup(at: number): Score | null {
    const { groups, blob, expiries } = this.#table;
    const expiry = groups[at + GROUP_EXPIRY]!;
    if (expiry >= 0 && expiries[expiry]! <= this.#nowMs) return null;
    const holds = (c: number): boolean => peerHolds(groups, c, blob, this.peer);
    const whens = this.#conditions(groups, at + GROUP_HEAD, groups[at + GROUP_WHENS]!, holds);
    let best: Score | null = null;
    for (let c = whens.end, i = groups[at + GROUP_FROMS]!; i > 0; i--) {
      const source = this.#conditions(groups, c + 1, groups[c]!, holds);
      if (best === null || compare(source.score, best) < 0) best = source.score;
      c = source.end;
    }
    return joined(best ?? NOTHING, whens.score);
  }

  #conditions(
    words: Int32Array,
    start: number,
    n: number,
    holds: (c: number) => boolean,
  ): { score: Score; end: number } {
    let held = 0;
    const failed: Failure[] = [];
    let c = start;
    for (let i = n; i > 0; i--) {
      if (holds(c)) held++;
      else failed.push({ words, at: c });
      c += words[c + CONDITION_WORDS]!;
    }
    return { score: { held, failed }, end: c };
  }
}
