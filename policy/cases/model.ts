// Cases and invariants after parsing: what `policy test` asks, and where each of it stands.
import type { Position } from '../../core/errors.ts';
import type { Invariant } from '../algebra/invariants.ts';
import type { Verdict } from '../request.ts';

/** The caller without identity, as `as` names it. */
export const PLAINTEXT = 'plaintext';

/** A request in parts, as far as a mapping, a row or the defaults say. */
export interface CaseFacts {
  /** `plaintext`, a SPIFFE ID, or `namespace/account` of the own trust domain. */
  readonly as: string;
  readonly method: string;
  readonly host: string;
  readonly path: string;
  /** A connection without HTTP. */
  readonly tcp: boolean;
  /** The destination port; that of the host, or 80, when it is not given. */
  readonly port: number;
  readonly ip: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly headers: readonly (readonly [string, string])[];
  readonly sourceIp: string;
  readonly remoteIp: string;
  readonly sni: string;
}

/** What is expected of the answer, as far as it is said. */
export interface Expectation {
  readonly expect: Verdict;
  /** A rule that must be among those that decided. */
  readonly rule: string;
  readonly reason: string;
}

/** One request with the answer that is right. */
export interface PolicyCase {
  readonly name: string;
  readonly at: Position;
  readonly request: { readonly facts: Partial<CaseFacts> } | { readonly json: unknown };
  readonly expected: Pick<Expectation, 'expect'> & Partial<Expectation>;
}

/** A statement about all requests; `parts` have to hold together, one for each entry of `to`. */
export interface NamedInvariant {
  readonly name: string;
  readonly at: Position;
  readonly parts: readonly Invariant[];
}

/** One file. */
export interface CasesFile {
  readonly file: string;
  readonly cases: readonly PolicyCase[];
  readonly invariants: readonly NamedInvariant[];
}
