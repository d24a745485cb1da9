// One kind of recorded request, whatever recorded it: what is known of it, and what became of it. What a
// record does not say is undefined, never a default.
import type { Verdict } from '../request.ts';

/** The formats that are read. Ours are two, told apart line by line. */
export type RecordFormat = 'log' | 'flow' | 'envoy' | 'hubble';

/** Who was called, as far as it is told. */
export interface RecordedWorkload {
  readonly namespace: string | undefined;
  /** As the record names it; not what selectors ask for. */
  readonly name: string | undefined;
  readonly labels: Readonly<Record<string, string>> | undefined;
}

/** What would have been decided. */
export interface WouldBe {
  readonly verdict: Verdict;
  readonly reason: string;
  readonly rules: readonly string[];
}

/** What became of a request. */
export interface Outcome {
  /** Whether policies let it through; null when the record does not say. */
  readonly verdict: Verdict | null;
  readonly reason: string;
  readonly rules: readonly string[];
  /** Of audit mode, or of dry-run policies; null when the record has neither. */
  readonly wouldBe: WouldBe | null;
  /** It was refused before any policy was asked, and would be again. */
  readonly refused: boolean;
}

/** A path, or the template of many: `{*}` stands for a segment, a last `{**}` for the rest. */
export interface RecordedPath {
  readonly text: string;
  readonly isTemplate: boolean;
}

/** Requests that are equal but for their path and time. */
export interface RecordedRequest {
  readonly format: RecordFormat;
  readonly direction: 'inbound' | 'outbound';
  /** Null = a plaintext peer. */
  readonly principal: string | null | undefined;
  /** What the record calls the caller where it knows no SPIFFE ID. */
  readonly callerName: string | undefined;
  readonly sourceIp: string | undefined;
  readonly remoteIp: string | undefined;
  readonly destinationIp: string | undefined;
  readonly port: number | undefined;
  readonly sni: string | null | undefined;
  readonly method: string | undefined;
  /** Undefined also where the path is the part that varies. */
  readonly path: RecordedPath | undefined;
  readonly host: string | undefined;
  /** Those whose values are known, by lower-case name; an absent header has no values. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly workload: RecordedWorkload;
  readonly outcome: Outcome;
}

/** A record, or what is wrong with the line; null for a line that is no record of a request. */
export type ReadRecord =
  | { readonly request: RecordedRequest }
  | { readonly fault: string }
  | { readonly skipped: Skipped };

/** Why a line that was read says nothing about policies. */
export type Skipped = 'not-a-request' | 'outbound' | 'reply';

export const NO_HEADERS: ReadonlyMap<string, readonly string[]> = new Map();
