// The decision log: which requests get a line, how often a repeated denial does, and when its near misses are
// explained. Attackers drive denials: equal ones of one caller collapse to a line a second with `count`, and
// explaining is rationed.
import type { Clock, Timer } from '../../core/clock.ts';
import type { Reason } from '../../core/reasons.ts';
import type { NearRule } from '../../policy/request.ts';
import { DecisionLines } from './decision-line.ts';
import { TimeText } from './json-text.ts';
import type { Lines } from './line-writer.ts';
import type { HandshakeDetail, ListenerRef, RequestRecord } from './record.ts';
import { Redaction } from './redaction.ts';

/** Names the nearest rules of a denied request. Costs far more than the decision did. */
export type Explain = (record: RequestRecord) => readonly NearRule[];

/** `log` of the configuration. */
export interface DecisionLogConfig {
  /** Which requests get a line; `sampled` = every denial and a share of the rest. */
  readonly decisions: 'none' | 'denied' | 'sampled' | 'all';
  /** Share of allowed requests that are logged when `sampled`, 0 to 1. */
  readonly sample: number;
  readonly fields: Readonly<Record<string, string>>;
  readonly redact: readonly string[];
}

/** What a decision log needs. */
export interface DecisionLogOptions {
  readonly config: DecisionLogConfig;
  readonly lines: Lines;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly explain: Explain | null;
}

const COLLAPSE_MS = 1000;
/** Different denials held at once. Past it further ones get no line, and count as dropped. */
const HELD_MAX = 1000;
/** Of one caller, so that none can use them up and so hide the denials of others. */
const HELD_PER_CALLER_MAX = 100;
const EXPLAINED_PER_SECOND = 20;

/** A denial that had its line: the text to repeat (with the ids of the first) and how many came since. */
interface Held {
  readonly text: string;
  /** Principal or address. */
  readonly caller: string;
  sinceMs: number;
  count: number;
}

/** Writes the lines. */
export class DecisionLog {
  readonly #options: DecisionLogOptions;
  readonly #text: DecisionLines;
  readonly #time = new TimeText();
  /** By flow, or by text for handshakes. */
  readonly #held = new Map<object | string, Held>();
  /** Entries of `#held` by caller. */
  readonly #callers = new Map<string, number>();
  #timer: Timer | null = null;
  #explainSecond = 0;
  #explained = 0;
  #dropped = 0;

  constructor(options: DecisionLogOptions) {
    const { config } = options;
    this.#options = options;
    const redaction = new Redaction(config.redact);
    this.#text = new DecisionLines({ redaction, fields: config.fields });
  }

  /** Denials that got no line because too many different ones came at once. */
  get dropped(): number {
    return this.#dropped;
  }

  /** The headers that the loaded policies name; called at every swap. */
  setHeaders(names: readonly string[]): void {
    this.#text.setHeaders(names);
  }

  /** One request; `flow` stands for all requests like it. */
  request(record: RequestRecord, flow: object): void {
    const { decisions, sample } = this.#options.config;
    if (decisions === 'none') return;
    if (record.verdict === 'deny' || wouldBeDenied(record)) this.#denied(record, flow);
    else if (decisions === 'all' || (decisions === 'sampled' && this.#options.random() < sample)) {
      this.#write(this.#text.request(record, null), 0);
    }
  }

  /** A handshake that was refused: one line a second by listener, reason and addresses. */
  handshake(listener: ListenerRef, reason: Reason, detail: HandshakeDetail): void {
    if (this.#options.config.decisions === 'none') return;
    const { sourceIp: caller, remoteIp } = detail;
    const key = `${listener.index} ${reason} ${caller} ${remoteIp}`;
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#collapses(key, caller)) return;
    const text = this.#text.handshake(listener, reason, detail);
    this.#hold(key, { text, caller, sinceMs: nowMs, count: 0 });
  }

  /** Writes the counts that are still held; called once, when the proxy stops. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
    for (const held of this.#held.values()) if (held.count > 0) this.#write(held.text, held.count);
    this.#held.clear();
    this.#callers.clear();
  }

  #denied(record: RequestRecord, flow: object): void {
    const { principal, sourceIp } = record.connection;
    const caller = principal ?? sourceIp;
    if (this.#collapses(flow, caller)) return;
    const text = this.#text.request(record, this.#near(record));
    this.#hold(flow, { text, caller, sinceMs: record.endMs, count: 0 });
  }

  /** True when this denial needs no line now: it was counted, or there is no room to count it. */
  #collapses(key: object | string, caller: string): boolean {
    const held = this.#held.get(key);
    if (held !== undefined) {
      held.count++;
      return true;
    }
    if (this.#held.size < HELD_MAX && this.#heldBy(caller) < HELD_PER_CALLER_MAX) return false;
    this.#dropped++;
    return true;
  }

  #heldBy(caller: string): number {
    return this.#callers.get(caller) ?? 0;
  }

  #hold(key: object | string, held: Held): void {
    this.#write(held.text, 0);
    this.#held.set(key, held);
    this.#callers.set(held.caller, this.#heldBy(held.caller) + 1);
    this.#timer ??= this.#options.clock.after(COLLAPSE_MS, () => this.#sweep());
  }

  #sweep(): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const [key, held] of this.#held) {
      if (nowMs - held.sinceMs < COLLAPSE_MS) continue;
      if (held.count === 0) {
        this.#release(key, held.caller);
        continue;
      }
      this.#write(held.text, held.count);
      held.sinceMs = nowMs;
      held.count = 0;
    }
    this.#timer = this.#held.size === 0 ? null : this.#options.clock.after(COLLAPSE_MS, () => this.#sweep());
  }

  #release(key: object | string, caller: string): void {
    this.#held.delete(key);
    const left = this.#heldBy(caller) - 1;
    if (left <= 0) this.#callers.delete(caller);
    else this.#callers.set(caller, left);
  }

  #near(record: RequestRecord): readonly NearRule[] | null {
    const { explain, clock } = this.#options;
    if (explain === null || record.reason !== 'default-deny') return null;
    const second = Math.floor(clock.monotonicMs() / 1000);
    if (second !== this.#explainSecond) {
      this.#explainSecond = second;
      this.#explained = 0;
    }
    if (this.#explained >= EXPLAINED_PER_SECOND) return null;
    this.#explained++;
    return explain(record);
  }

  #write(text: string, count: number): void {
    const time = this.#time.at(this.#options.clock.now());
    this.#options.lines.write(`{"time":"${time}",${text}${count === 0 ? '' : `,"count":${count}`}}\n`);
  }
}

/** Forwarded, and would be denied if the dry-run policies were enforced. */
function wouldBeDenied(record: RequestRecord): boolean {
  return record.decision?.dryRun?.verdict === 'deny' && record.decision.verdict === 'allow';
}
