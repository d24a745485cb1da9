// What is asked, in two words of a command line: `GET,POST cart:8080/items/{*}`.
import { SallyportError } from '../../core/errors.ts';
import type { OperationDraft } from './draft.ts';

/** The operation of one rule. */
export interface Operation {
  /** Empty: anything. */
  readonly operations: readonly OperationDraft[];
  /** Null: any host. */
  readonly host: string | null;
  readonly port: string | null;
  /** Null: any path. */
  readonly path: string | null;
  /** Null: any method. */
  readonly methods: readonly string[] | null;
  /** In words, for a comment. */
  readonly text: string;
  /** Why an ALLOW of it is broad; empty when it is not. */
  readonly broad: readonly string[];
}

const READING = new Set(['GET', 'HEAD', 'OPTIONS']);
const ANY_PATH = new Set(['*', '/*', '/{**}', '/{**}/']);

/**
 * Reads `METHODS` (or `ANY`) and `[HOST][:PORT][/PATH]`. `namespace` is the host's; null leaves the host out.
 * @throws ERR_POLICY_NEW
 */
export function parseOperation(methods: string, target: string, namespace: string | null): Operation {
  const named = methods === 'ANY' ? null : methods.split(',');
  if (named?.some((method) => method === '') === true)
    throw refused(methods, 'has an empty method', 'write GET, or GET,POST, or ANY');
  const slash = target.indexOf('/');
  const authority = slash < 0 ? target : target.slice(0, slash);
  const path = slash < 0 ? null : target.slice(slash);
  const colon = authority.indexOf(':', authority.lastIndexOf(']') + 1);
  const host = (colon < 0 ? authority : authority.slice(0, colon)) || null;
  const port = colon < 0 ? null : authority.slice(colon + 1);
  if (port === '') throw refused(target, 'has an empty port', 'write HOST:PORT/PATH');
  const anyPath = path === null || ANY_PATH.has(path);
  const operation: OperationDraft = {
    ...(namespace !== null && host !== null ? { hosts: hostNames(host, namespace) } : {}),
    ...(port === null ? {} : { ports: [port] }),
    ...(named === null ? {} : { methods: [...new Set(named)] }),
    ...(path === null ? {} : { paths: [path] }),
  };
  const writes = named === null || named.some((method) => !READING.has(method));
  const what = named === null ? 'every method' : named.join(', ');
  return {
    operations: Object.keys(operation).length === 0 ? [] : [operation],
    host,
    port,
    path,
    methods: named,
    text: `${what} on ${anyPath ? 'every path' : path}${port === null ? '' : `, port ${port}`}`,
    broad: anyPath && writes ? [`${what} on every path`] : [],
  };
}

/** A Service has four names in Kubernetes; what is no bare name has one. */
const hostNames = (host: string, namespace: string): readonly string[] => {
  if (!/^[a-z0-9-]+$/i.test(host)) return [host];
  const full = `${host}.${namespace}.svc`;
  return [host, `${host}.${namespace}`, full, `${full}.cluster.local`];
};

const refused = (text: string, what: string, hint: string): SallyportError =>
  new SallyportError('ERR_POLICY_NEW', `\`${text}\` ${what}`, { hint });
