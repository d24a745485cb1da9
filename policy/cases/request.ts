// The parts of a case as one request in the form of `policy eval` (policy/request-json.ts).
import { type CaseFacts, PLAINTEXT, type PolicyCase } from './model.ts';

/** `cart:8080/items/7`, taken apart. */
export interface Target {
  readonly host: string;
  /** As written after the host; null when there is none, NaN when it is no port. */
  readonly port: number | null;
  readonly path: string;
}

/** Takes HOST[:PORT]/PATH apart; without a slash the path is `/`. */
export function splitTarget(target: string): Target {
  const slash = target.indexOf('/');
  const host = slash < 0 ? target : target.slice(0, slash);
  return { host, port: portOf(host), path: slash < 0 ? '/' : target.slice(slash) };
}

/** Where HTTP goes when nothing else is said. */
export const HTTP_PORT = 80;

/** The port in HOST[:PORT]; null without one, NaN when it is none. */
function portOf(host: string): number | null {
  const colon = host.indexOf(':', host.lastIndexOf(']') + 1);
  if (colon < 0) return null;
  const port = Number(host.slice(colon + 1));
  return Number.isInteger(port) && port >= 1 && port <= 65_535 ? port : Number.NaN;
}

/** A request with every field written out, in the form of `policy eval`. */
export interface WrittenRequest {
  readonly principal: string | null;
  readonly sourceIp: string | null;
  readonly remoteIp: string | null;
  readonly destination: {
    readonly ip: string | null;
    readonly port: number;
    readonly namespace: string | null;
    readonly labels: Readonly<Record<string, string>> | null;
  };
  readonly sni: string | null;
  /** Null: a connection without HTTP. */
  readonly http: {
    readonly method: string;
    readonly path: string;
    readonly host: string;
    readonly headers: readonly (readonly [string, string])[];
  } | null;
}

/** The request that the parts of a case make; `as: shop/web` is of `trustDomain`. */
export function writtenRequest(facts: Partial<CaseFacts>, trustDomain: string): WrittenRequest {
  const { method = '', path = '', host = '', tcp = false, headers = [] } = facts;
  return {
    principal: principalOf(facts, trustDomain),
    sourceIp: facts.sourceIp ?? null,
    remoteIp: facts.remoteIp ?? null,
    destination: {
      ip: facts.ip ?? null,
      port: facts.port ?? portOf(host) ?? HTTP_PORT,
      namespace: facts.namespace ?? null,
      labels: facts.labels ?? null,
    },
    sni: facts.sni ?? null,
    http: tcp ? null : { method, path, host, headers },
  };
}

/** The request of a case as JSON. */
export const requestOfCase = ({ request }: PolicyCase, trustDomain: string): unknown =>
  'json' in request ? request.json : writtenRequest(request.facts, trustDomain);

/** True when `host` alone says that the request goes to `port`. */
export const saysPort = (host: string, port: number): boolean => (portOf(host) ?? HTTP_PORT) === port;

function principalOf({ as = PLAINTEXT }: Partial<CaseFacts>, trustDomain: string): string | null {
  if (as === PLAINTEXT) return null;
  const [namespace, account] = as.split('/');
  return as.startsWith('spiffe://') ? as : `spiffe://${trustDomain}/ns/${namespace}/sa/${account}`;
}
