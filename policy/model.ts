// The abstract syntax of AuthorizationPolicy after parsing and validation: what a policy says, with nothing
// left open.
// parse makes it, reference reads it literally, compile flattens it.
import type { Position } from '../core/errors.ts';

/** What a policy does when one of its rules matches. CUSTOM is refused by the parser until it is built. */
export type Action = 'ALLOW' | 'DENY' | 'AUDIT';

/** Every field a rule can test, by the name that diagnostics and near misses use. */
export type Field =
  | 'principals'
  | 'namespaces'
  | 'serviceAccounts'
  | 'trustDomains'
  | 'requestPrincipals'
  | 'ipBlocks'
  | 'remoteIpBlocks'
  | 'hosts'
  | 'ports'
  | 'methods'
  | 'paths'
  | 'request.headers'
  | 'source.ip'
  | 'remote.ip'
  | 'source.namespace'
  | 'source.principal'
  | 'source.serviceAccount'
  | 'source.trustDomain'
  | 'destination.ip'
  | 'destination.port'
  | 'connection.sni';

/** One value of a field, already classified. */
export type Matcher =
  | { readonly kind: 'exact'; readonly value: string }
  | { readonly kind: 'prefix'; readonly value: string } // `abc*` holds `abc`
  | { readonly kind: 'suffix'; readonly value: string } // `*abc` holds `abc`
  | { readonly kind: 'presence' } // `*`
  | { readonly kind: 'template'; readonly value: string } // a path with `{*}` or `{**}`, as written
  /** `bytes` has 4 or 16 entries, host bits zeroed; an IPv4-mapped IPv6 block is stored as IPv4. */
  | {
      readonly kind: 'cidr';
      readonly text: string;
      readonly bytes: readonly number[];
      readonly prefixLength: number;
    };

/**
 * One tested field: values (OR) and notValues (NOT of OR), both ANDed. At least one list is not empty.
 * principals are stored without scheme (`td/ns/a/sa/b`), serviceAccounts as `ns/sa`, hosts lower-case without
 * a trailing dot, ports as decimal strings, header names in lower case.
 */
export interface Condition {
  readonly field: Field;
  /** The header's name for `request.headers`. */
  readonly key?: string;
  /** Where it is in the rule, for near misses: `to.operation.methods`, `when[request.headers[x-a]]`.
   *  When both lists are present this is the positive name; the negative is derived with `negativeName`. */
  readonly name: string;
  readonly values: readonly Matcher[];
  readonly notValues: readonly Matcher[];
}

/** AND of its conditions. */
export type Clause = readonly Condition[];

export interface Rule {
  /** `ns[<namespace>]-policy[<name>]-rule[<index>]`. */
  readonly id: string;
  /** OR of sources; null = any source. */
  readonly from: readonly Clause[] | null;
  /** OR of operations; null = any operation. */
  readonly to: readonly Clause[] | null;
  /** AND of conditions; empty = none. */
  readonly when: Clause;
  readonly at: Position;
}

export interface Policy {
  readonly namespace: string;
  readonly name: string;
  readonly action: Action;
  /** matchLabels of the selector; null = every workload in scope. */
  readonly selector: Readonly<Record<string, string>> | null;
  /** Present when the policy attaches to Services or Gateways instead of workloads. */
  readonly targetRefs:
    | readonly { readonly kind: string; readonly group: string; readonly name: string }[]
    | null;
  readonly rules: readonly Rule[];
  /** `istio.io/dry-run: "true"`. */
  readonly dryRun: boolean;
  /** `sallyport.dev/expires-at` in Unix milliseconds. */
  readonly expiresAtMs: number | null;
  readonly emergency: { readonly reason: string; readonly author: string } | null;
  /** `sallyport.dev/deny-status`. */
  readonly denyStatus: 403 | 404 | null;
  readonly owner: string | null;
  readonly at: Position;
}

/** The workload a table is compiled for. */
export interface Workload {
  readonly namespace: string;
  readonly serviceAccount: string | null;
  readonly labels: Readonly<Record<string, string>>;
}

/** What besides the policies decides: the configuration's `policy` block and the local trust domain. */
export interface PolicyOptions {
  readonly rootNamespace: string;
  readonly defaultVerdict: 'deny' | 'allow-when-unselected';
  readonly localTrustDomain: string;
  /** `policy.trustDomains`: whose namespaces and service accounts count when they widen access; `*` = any. */
  readonly trustDomains: readonly string[];
  /** Trust domains that stand for the local one in five-segment principals (with `cluster.local`). */
  readonly trustDomainAliases: readonly string[];
  /** `policy.emergencyMax` in milliseconds. */
  readonly emergencyMaxMs: number;
  /** Listener facts that turn some policies into errors. */
  readonly acceptsPlaintext: boolean;
  /** Ports served by TCP (non-HTTP) listeners of the workload. */
  readonly tcpPorts: readonly number[];
}

/** `to.operation.methods` -> `to.operation.notMethods`; a `when` name gets ` (notValues)`. */
export function negativeName(name: string): string {
  if (name.startsWith('when[')) return `${name}.notValues`;
  const dot = name.lastIndexOf('.') + 1;
  return `${name.slice(0, dot)}not${name.charAt(dot).toUpperCase()}${name.slice(dot + 1)}`;
}
