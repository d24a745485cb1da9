// Header names that nobody may smuggle past a policy or the application: identity, forwarding, framing, and
// those that loaded policies name. Made once per policy revision and swapped by assignment.

/**
 * Set or removed by the proxy, or framing: a look-alike in another spelling must not reach a CGI-style
 * application.
 */
const ALWAYS = [
  'x-forwarded-client-cert',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-real-ip',
  'content-length',
  'transfer-encoding',
] as const;

// design, "Headers to the application". Without Transfer-Encoding the framing would change; Host is the
// authority.
const NOT_IN_CONNECTION: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'authorization',
  'cookie',
]);

// RFC 9110 section 6.5.1: framing, routing, request modifiers, authentication, content and control fields.
const NOT_IN_TRAILERS: ReadonlySet<string> = new Set([
  ...['transfer-encoding', 'content-length', 'host', 'connection', 'keep-alive', 'proxy-connection', 'te'],
  ...['trailer', 'upgrade', 'http2-settings', 'expect', 'max-forwards', 'range', 'if-range', 'if-match'],
  ...['if-none-match', 'if-modified-since', 'if-unmodified-since', 'authorization', 'cookie', 'set-cookie'],
  ...['www-authenticate', 'authentication-info', 'proxy-authenticate', 'proxy-authorization', 'location'],
  ...[
    'proxy-authentication-info',
    'cache-control',
    'age',
    'date',
    'expires',
    'vary',
    'pragma',
    'retry-after',
  ],
  ...['x-forwarded-client-cert', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'forwarded'],
  ...[
    'x-real-ip',
    'x-request-id',
    'traceparent',
    'tracestate',
    'x-http-method-override',
    'origin',
    'referer',
  ],
]);

/** The names of one policy revision, lower case. */
export class ProtectedNames {
  /** True when a policy names a header with `_`: then a name without one can be its look-alike too. */
  readonly everyName: boolean;
  private readonly policy: ReadonlySet<string>;
  /** Folded name -> the one spelling that is meant. */
  private readonly spelling: ReadonlyMap<string, string>;

  /** `policyNames`: the headers that loaded policies look at, in lower case. */
  constructor(policyNames: Iterable<string>) {
    this.policy = new Set(policyNames);
    const spelling = new Map<string, string>();
    for (const name of [...this.policy, ...ALWAYS]) spelling.set(fold(name), name);
    this.spelling = spelling;
    this.everyName = [...this.policy].some((name) => name.includes('_'));
  }

  /**
   * True when `name` is another spelling of a protected name: equal once `_` is read as `-`, but not the
   * same.
   */
  isLookAlike(name: string): boolean {
    const lower = name.toLowerCase();
    const meant = this.spelling.get(fold(lower));
    return meant !== undefined && meant !== lower;
  }

  /** True when `Connection` may not name `lower`: the field would be dropped after it was judged. */
  refusedInConnection(lower: string): boolean {
    return NOT_IN_CONNECTION.has(lower) || this.policy.has(lower);
  }

  /** True when a trailer may not be called `lower`. */
  refusedInTrailers(lower: string): boolean {
    const folded = fold(lower);
    return (
      NOT_IN_TRAILERS.has(folded) ||
      folded.startsWith('content-') ||
      folded.startsWith('sec-') ||
      folded.startsWith('proxy-') ||
      this.spelling.has(folded)
    );
  }
}

function fold(lower: string): string {
  return lower.replaceAll('_', '-');
}
