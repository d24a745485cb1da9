// What the decision log may not show: credentials always, and what `log.redact` names.

/** Values of these are never logged, whatever policies name. */
const CREDENTIALS = ['authorization', 'proxy-authorization', 'cookie', 'set-cookie'];

/** Fields of the log that `log.redact` may name, besides header names. */
export const REDACTABLE = [
  'requestId',
  'trace',
  'sni',
  'source.principal',
  'source.ip',
  'source.remoteIp',
  'destination.ip',
  'http.path',
  'http.host',
  'http.headers',
] as const;

/** A field that can be masked. */
export type RedactableField = (typeof REDACTABLE)[number];

/** Where a near miss shows what one of these fields holds. */
const SHOWN_BY: Readonly<Record<string, RedactableField>> = {
  principals: 'source.principal',
  notPrincipals: 'source.principal',
  namespaces: 'source.principal',
  notNamespaces: 'source.principal',
  serviceAccounts: 'source.principal',
  notServiceAccounts: 'source.principal',
  trustDomains: 'source.principal',
  notTrustDomains: 'source.principal',
  ipBlocks: 'source.ip',
  notIpBlocks: 'source.ip',
  remoteIpBlocks: 'source.remoteIp',
  notRemoteIpBlocks: 'source.remoteIp',
  hosts: 'http.host',
  notHosts: 'http.host',
  paths: 'http.path',
  notPaths: 'http.path',
};
const SHOWN_BY_KEY: Readonly<Record<string, RedactableField>> = {
  'source.ip': 'source.ip',
  'remote.ip': 'source.remoteIp',
  'source.namespace': 'source.principal',
  'source.principal': 'source.principal',
  'source.serviceAccount': 'source.principal',
  'source.trustDomain': 'source.principal',
  'destination.ip': 'destination.ip',
  'connection.sni': 'sni',
};
const HEADER_KEY = 'request.headers[';

/** The masked fields and headers of one configuration. */
export class Redaction {
  readonly #fields: ReadonlySet<string>;
  readonly #headers: ReadonlySet<string>;

  /** `names`: of REDACTABLE, else header names (any case, also as `http.headers.<name>`). */
  constructor(names: readonly string[]) {
    const fields: readonly string[] = REDACTABLE;
    this.#fields = new Set(names.filter((name) => fields.includes(name)));
    const headers = names.filter((name) => !fields.includes(name)).map((name) => name.toLowerCase());
    const prefix = 'http.headers.';
    this.#headers = new Set([
      ...CREDENTIALS,
      ...headers.map((name) => (name.startsWith(prefix) ? name.slice(prefix.length) : name)),
    ]);
  }

  field(name: RedactableField): boolean {
    return this.#fields.has(name);
  }

  /** `name` in lower case. */
  header(name: string): boolean {
    return this.#headers.has(name) || this.#fields.has('http.headers');
  }

  /** True when a near miss of a field (`to.operation.paths`, `when[request.headers[x-a]]`) shows it. */
  near(field: string): boolean {
    if (field.startsWith('when[')) {
      const close = field.lastIndexOf(']');
      const key = field.slice(5, close);
      if (key.startsWith(HEADER_KEY)) return this.header(key.slice(HEADER_KEY.length, -1).toLowerCase());
      return this.#hides(SHOWN_BY_KEY[key]);
    }
    return this.#hides(SHOWN_BY[field.slice(field.lastIndexOf('.') + 1)]);
  }

  #hides(field: RedactableField | undefined): boolean {
    return field !== undefined && this.#fields.has(field);
  }
}
