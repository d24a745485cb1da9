// One request as `policy eval`, `explain` and `test` read it: JSON with a closed set of keys, turned into
// facts. What the proxy would normalize (path, host, addresses, header names) is normalized the same way
// here.
import { z } from 'zod';
import { didYouMean } from '../core/errors.ts';
import { canonicalIp } from '../core/ip.ts';
import { canonicalPath, type PathMode } from '../core/path.ts';
import type { Reason } from '../core/reasons.ts';
import { parseSpiffeId } from '../core/spiffe-id.ts';
import type { ConnectionFacts, HttpFacts, RequestFacts } from './request.ts';

/** A request ready to be judged. */
export interface JudgedRequest {
  readonly connection: ConnectionFacts;
  readonly request: RequestFacts;
  /** Set when the proxy answers before any policy is asked. */
  readonly fault: Reason | null;
  /** The workload asked, as far as the request says. */
  readonly destination: {
    readonly namespace: string | null;
    readonly labels: Readonly<Record<string, string>> | null;
  };
}

/** What is wrong with a request; `path` names the key, e.g. `http.method`. */
export interface RequestFault {
  readonly path: string;
  readonly message: string;
  readonly hint?: string;
}

const ip = z.string().nullable().optional();
const text = z.string().nullable().optional();

const requestSchema = z.strictObject({
  principal: text,
  sourceIp: ip,
  remoteIp: ip,
  destination: z
    .strictObject({
      ip,
      port: z.int().min(1).max(65535).nullable().optional(),
      namespace: text,
      labels: z.record(z.string(), z.string()).nullable().optional(),
    })
    .nullable()
    .optional(),
  sni: text,
  http: z
    .strictObject({
      method: z.string().min(1),
      path: z.string().min(1),
      host: text,
      headers: z
        .array(z.tuple([z.string().min(1), z.string()]))
        .nullable()
        .optional(),
    })
    .nullable()
    .optional(),
  // Read so that a request with a token is no error; no policy can ask for it until JWTs are verified.
  jwt: z
    .strictObject({
      iss: text,
      sub: text,
      aud: z.union([z.string(), z.array(z.string())]).optional(),
      azp: text,
      claims: z.record(z.string(), z.unknown()).optional(),
    })
    .nullable()
    .optional(),
});

type RequestJson = z.infer<typeof requestSchema>;

const KEYS = [
  ...['principal', 'sourceIp', 'remoteIp', 'destination', 'sni', 'http', 'jwt', 'ip', 'port', 'namespace'],
  ...['labels', 'method', 'path', 'host', 'headers', 'iss', 'sub', 'aud', 'azp', 'claims'],
];

/** Checks and normalizes one parsed JSON value. `mode` is the listener's `paths.ambiguous`. */
export function readRequestJson(
  value: unknown,
  mode: PathMode,
): { readonly judged: JudgedRequest } | { readonly faults: readonly RequestFault[] } {
  const parsed = requestSchema.safeParse(value);
  if (!parsed.success) return { faults: parsed.error.issues.map(describeIssue) };
  const json = parsed.data;
  const faults: RequestFault[] = [];
  const connection = connectionOf(json, faults);
  const { http, fault } = json.http ? httpOf(json.http, mode, faults) : { http: null, fault: null };
  if (faults.length > 0) return { faults };
  return {
    judged: {
      connection,
      request: { http, remoteIp: connection.remoteIp ?? null },
      fault,
      destination: {
        namespace: json.destination?.namespace ?? null,
        labels: json.destination?.labels ?? null,
      },
    },
  };
}

/** Host as policies see it: lower case, IPv6 as RFC 5952 writes it, a trailing dot dropped, port kept. */
export function normalizeHost(host: string): string {
  const colon = host.lastIndexOf(':');
  const end = colon > host.lastIndexOf(']') ? colon : host.length;
  const name = host.slice(0, host[end - 1] === '.' ? end - 1 : end);
  const ip = name.startsWith('[') && name.endsWith(']') ? canonicalIp(name.slice(1, -1)) : null;
  if (ip !== null) return (ip.includes(':') ? `[${ip}]` : ip) + host.slice(end);
  return (name + host.slice(end)).toLowerCase();
}

function describeIssue(issue: z.core.$ZodIssue): RequestFault {
  const path = issue.path.map(String).join('.');
  if (issue.code !== 'unrecognized_keys') return { path, message: issue.message.toLowerCase() };
  const [key = ''] = issue.keys;
  const near = didYouMean(key, KEYS);
  return {
    path: path === '' ? key : `${path}.${key}`,
    message: 'unknown field',
    hint: near === undefined ? `known fields: ${KEYS.join(', ')}` : `did you mean \`${near}\`?`,
  };
}

function connectionOf(json: RequestJson, faults: RequestFault[]): ConnectionFacts {
  const address = (path: string, given: string | null | undefined): string | null => {
    if (given === null || given === undefined) return null;
    const canonical = canonicalIp(given);
    if (canonical === null) faults.push({ path, message: `\`${given}\` is no IP address` });
    return canonical;
  };
  const sourceIp = address('sourceIp', json.sourceIp);
  return {
    principal: principalOf(json.principal ?? null, faults),
    sourceIp,
    remoteIp: address('remoteIp', json.remoteIp) ?? sourceIp,
    destinationIp: address('destination.ip', json.destination?.ip),
    destinationPort: json.destination?.port ?? null,
    sni: json.sni ?? null,
  };
}

function principalOf(principal: string | null, faults: RequestFault[]): string | null {
  if (principal === null) return null;
  try {
    return parseSpiffeId(principal).uri;
  } catch {
    // What it throws says the same about the whole ID; here the field is named.
    faults.push({
      path: 'principal',
      message: `\`${principal}\` is not a SPIFFE ID`,
      hint: 'write spiffe://trust-domain/ns/NAMESPACE/sa/ACCOUNT, or null for a plaintext peer',
    });
    return null;
  }
}

function httpOf(
  json: NonNullable<RequestJson['http']>,
  mode: PathMode,
  faults: RequestFault[],
): { http: HttpFacts | null; fault: Reason | null } {
  const headers = new Map<string, string[]>();
  for (const [name, value] of json.headers ?? []) {
    if (!/^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/.test(name))
      faults.push({ path: 'http.headers', message: `\`${name}\` is no header name` });
    const key = name.toLowerCase();
    const values = headers.get(key);
    // RFC 9110 section 5.5: optional whitespace around a value is not part of it.
    const trimmed = value.replace(/^[ \t]+|[ \t]+$/g, '');
    if (values === undefined) headers.set(key, [trimmed]);
    else values.push(trimmed);
  }
  const query = json.path.indexOf('?');
  const raw = query < 0 ? json.path : json.path.slice(0, query);
  // RFC 9112 section 3.2.4: the asterisk-form belongs to OPTIONS only.
  const asterisk = raw === '*' && json.method === 'OPTIONS';
  const { path, fault } = asterisk ? { path: raw, fault: null } : canonicalPath(raw, mode);
  return {
    http: {
      method: json.method,
      path,
      host: normalizeHost(json.host ?? ''),
      headerValues: (name) => headers.get(name),
    },
    // A fragment after the query never reaches a policy either: the proxy refuses `#` anywhere in the target.
    fault: fault ?? (json.path.includes('#') ? 'bad-path' : null),
  };
}
