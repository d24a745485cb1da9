// Every outcome of a connection or request, one row each: what the caller gets, whose fault it was, what to
// do.
// The reason is the one word shared by the answer, the decision log, the metrics and the response body.

/** Whose doing an outcome is; `policy` is a verdict, the others are failures (pingora's error sources). */
export type ReasonSource = 'policy' | 'downstream' | 'upstream' | 'internal';

/** What one reason means. `status` is the HTTP status sent to the caller, 0 when nothing can be sent. */
export interface ReasonInfo {
  readonly status: number;
  readonly source: ReasonSource;
  /** True when the caller may repeat the same request unchanged. */
  readonly retryable: boolean;
  readonly hint: string;
}

const row = (status: number, source: ReasonSource, retryable: boolean, hint: string): ReasonInfo => ({
  status,
  source,
  retryable,
  hint,
});

/** The closed list. Add a row here and nowhere else; docs/reasons.md is generated from it. */
export const REASONS = {
  // Verdicts
  'allow-rule': row(200, 'policy', false, 'an ALLOW rule matched'),
  'allow-unselected': row(
    200,
    'policy',
    false,
    'no ALLOW policy selects the workload and policy.defaultVerdict is allow-when-unselected',
  ),
  'allow-probe': row(
    200,
    'policy',
    false,
    'no rule allows it, but it is a health check that `probes` of the listener names',
  ),
  'deny-rule': row(403, 'policy', false, 'a DENY rule matched; `sallyport policy explain` shows which field'),
  'default-deny': row(403, 'policy', false, 'no ALLOW rule matched; the nearest rules are in `near`'),
  'no-policy': row(403, 'policy', true, 'no policy has been loaded yet; see /readyz'),
  'invalid-policy': row(
    403,
    'policy',
    true,
    'the first load of the policies failed; run `sallyport policy check`',
  ),
  'evaluation-error': row(
    403,
    'internal',
    false,
    'the evaluation itself failed; this is a defect, please report it',
  ),
  // Identity: the handshake ended without an acceptable peer
  'no-certificate': row(0, 'downstream', false, 'the peer sent no client certificate; mtls is strict'),
  'untrusted-certificate': row(0, 'downstream', false, 'no path from the certificate to a configured bundle'),
  'wrong-trust-domain': row(
    0,
    'downstream',
    false,
    'the certificate is not signed by the bundle of its own trust domain, or that trust domain has no bundle here',
  ),
  'invalid-svid': row(
    0,
    'downstream',
    false,
    'the certificate is not an X509-SVID; run `sallyport certs inspect`',
  ),
  'expired-certificate': row(
    0,
    'downstream',
    false,
    'the certificate is outside its validity period; check both clocks',
  ),
  'revoked-certificate': row(
    0,
    'downstream',
    false,
    'the certificate is on its issuer’s CRL, or a needed CRL is stale',
  ),
  'handshake-failed': row(0, 'downstream', true, 'the TLS handshake failed: protocol, cipher or ALPN'),
  'handshake-timeout': row(0, 'downstream', true, 'timeouts.handshake passed'),
  'no-identity': row(503, 'internal', true, 'this proxy has no valid SVID of its own; see /readyz'),
  'plaintext-refused': row(0, 'downstream', false, 'the peer spoke plaintext to an mTLS listener'),
  'bad-proxy-header': row(
    0,
    'downstream',
    false,
    'a peer in proxyProtocol.trust did not begin with a whole, valid PROXY header',
  ),
  // Request head (RFC 9112, RFC 9110)
  'bad-request-line': row(400, 'downstream', false, 'the request line does not follow RFC 9112 section 3'),
  'bad-version': row(505, 'downstream', false, 'only HTTP/1.1 and HTTP/1.0 are spoken here'),
  'bad-target': row(400, 'downstream', false, 'the request target does not follow RFC 9112 section 3.2'),
  'bad-header': row(400, 'downstream', false, 'a header name or value does not follow RFC 9110 section 5'),
  'bare-newline': row(400, 'downstream', false, 'a CR or LF stands alone; lines end with CRLF'),
  'bad-host': row(400, 'downstream', false, 'Host is missing, repeated or malformed (RFC 9112 section 3.2)'),
  'authority-mismatch': row(400, 'downstream', false, 'the absolute-form authority differs from Host'),
  'conflicting-framing': row(
    400,
    'downstream',
    false,
    'Content-Length and Transfer-Encoding together (RFC 9112 section 6.3)',
  ),
  'bad-content-length': row(400, 'downstream', false, 'Content-Length is not one decimal number'),
  'bad-transfer-encoding': row(
    400,
    'downstream',
    false,
    'only one final `chunked` is accepted, and not with HTTP/1.0',
  ),
  'bad-chunk': row(400, 'downstream', false, 'the chunked framing is malformed (RFC 9112 section 7.1)'),
  'bad-trailer': row(
    400,
    'downstream',
    false,
    'a trailer is malformed, or names a framing, routing, auth, identity or policy field',
  ),
  'bad-path': row(400, 'downstream', false, 'the path holds a raw byte above 0x7f, a control byte or `#`'),
  'ambiguous-path': row(
    400,
    'downstream',
    false,
    'the proxy and the application could read the path differently; see paths.ambiguous',
  ),
  'ambiguous-header': row(
    400,
    'downstream',
    false,
    'a header name equals an identity or policy-named header once `_` is read as `-`',
  ),
  'bad-connection-header': row(400, 'downstream', false, 'Connection names a field that may not be dropped'),
  'bad-upgrade': row(
    400,
    'downstream',
    false,
    'only a GET over HTTP/1.1 without a body may upgrade, and only to websocket',
  ),
  'method-not-allowed': row(405, 'downstream', false, 'CONNECT and TRACE are not forwarded'),
  'bad-expect': row(417, 'downstream', false, 'only `Expect: 100-continue` is known'),
  'target-too-long': row(414, 'downstream', false, 'the request target is longer than the limit'),
  'head-too-large': row(431, 'downstream', false, 'the request head is larger than limits.headBytes'),
  'too-many-headers': row(431, 'downstream', false, 'the request has more header lines than limits.headers'),
  // HTTP/2 (RFC 9113) and gRPC
  'grpc-deadline': row(504, 'downstream', true, 'the deadline of the call (grpc-timeout) passed'),
  'http2-malformed-request': row(
    0,
    'downstream',
    false,
    'the header block is no request (RFC 9113 section 8.1.1): the stream is reset with PROTOCOL_ERROR',
  ),
  'http2-protocol-error': row(0, 'downstream', false, 'a frame broke a rule of RFC 9113'),
  'http2-compression-error': row(
    0,
    'downstream',
    false,
    'a header block that HPACK cannot decode (RFC 7541)',
  ),
  'http2-flow-control-error': row(
    0,
    'downstream',
    false,
    'more data than the window allows, or a window above 2^31-1 (RFC 9113 section 6.9)',
  ),
  'http2-frame-flood': row(
    0,
    'downstream',
    false,
    'too many frames that ask for nothing: SETTINGS, PING, PRIORITY, WINDOW_UPDATE, empty DATA, closed streams',
  ),
  'http2-rapid-reset': row(
    0,
    'downstream',
    false,
    'too many streams were reset before their answer, by the caller or for its faults',
  ),
  'http2-continuation-flood': row(
    0,
    'downstream',
    false,
    'a header block in too many pieces, or larger than limits.headBytes on the wire',
  ),
  'http2-stream-limit': row(
    0,
    'downstream',
    true,
    'more streams of one connection than limits.streams; the stream is refused',
  ),
  'body-too-large': row(413, 'downstream', false, 'the request body is larger than limits.bodyBytes'),
  'head-timeout': row(408, 'downstream', true, 'the request head did not arrive within timeouts.head'),
  'body-timeout': row(408, 'downstream', true, 'the request body stalled or came slower than 240 B/s'),
  'idle-timeout': row(0, 'downstream', true, 'the connection was idle for timeouts.idle'),
  'client-closed': row(499, 'downstream', true, 'the caller went away before the response was complete'),
  // Upstream
  'upstream-refused': row(
    503,
    'upstream',
    true,
    'the application does not accept connections (is it listening on the upstream address?) or, over HTTP/2, refused the stream',
  ),
  'upstream-connect-timeout': row(
    504,
    'upstream',
    true,
    'connecting to the application took longer than upstream.connectTimeout',
  ),
  'upstream-reset': row(
    502,
    'upstream',
    true,
    'the application closed the connection before its response was complete',
  ),
  'upstream-timeout': row(504, 'upstream', true, 'no response head within timeouts.request'),
  'upstream-idle-timeout': row(
    504,
    'upstream',
    true,
    'the response body or tunnel was silent for timeouts.idle',
  ),
  'upstream-bad-response': row(502, 'upstream', false, 'the response does not follow RFC 9112'),
  'upstream-unsolicited-upgrade': row(
    502,
    'upstream',
    false,
    'the application switched protocols without being asked',
  ),
  'upstream-too-many-interim': row(502, 'upstream', false, 'more than 8 interim (1xx) responses'),
  'upstream-handshake-failed': row(
    502,
    'upstream',
    true,
    'the TLS handshake with the upstream failed, or it closed before its first byte: does it accept this workload?',
  ),
  'upstream-untrusted': row(
    502,
    'upstream',
    false,
    'the upstream’s certificate is not an X509-SVID that leads to the bundle of its own trust domain',
  ),
  'unexpected-peer': row(502, 'upstream', false, 'the upstream’s SPIFFE ID is not among upstream.peers'),
  'upstream-unresolved': row(
    502,
    'upstream',
    true,
    'the name of the upstream has no address, or nobody answers for it',
  ),
  'private-destination': row(
    403,
    'policy',
    false,
    'the destination is, or its name leads to, an address that is not public and that no destination lists',
  ),
  'unlisted-destination': row(403, 'policy', false, 'no entry of `destinations` names this host and port'),
  'sni-mismatch': row(
    0,
    'downstream',
    false,
    'the ClientHello in the tunnel names another server than CONNECT, none, or hides it (ECH)',
  ),
  'tunnel-not-tls': row(0, 'downstream', false, 'the tunnel does not begin with a TLS ClientHello'),
  'upstream-limit': row(503, 'internal', true, 'upstream.maxConnections are in use'),
  // Overload and life cycle
  'connection-limit': row(0, 'internal', true, 'limits.connections reached'),
  'identity-connection-limit': row(
    503,
    'internal',
    true,
    'limits.connectionsPerIdentity reached for this caller',
  ),
  'handshake-limit': row(
    0,
    'internal',
    true,
    'limits.handshakesInFlight reached, and too many waited or for too long',
  ),
  'request-limit': row(503, 'internal', true, 'limits.requestsInFlight reached'),
  'identity-withdrawn': row(
    0,
    'internal',
    false,
    'the peer’s SVID expired, or its bundle or certificate was withdrawn, on a live connection',
  ),
  'policy-revoked': row(403, 'policy', false, 'a policy swap denied a request in flight'),
  draining: row(503, 'internal', true, 'the proxy is shutting down'),
  'internal-error': row(500, 'internal', true, 'a defect in the proxy; please report it'),
} as const satisfies Record<string, ReasonInfo>;

/** One word of the closed list, e.g. `default-deny`. */
export type Reason = keyof typeof REASONS;

/** All reasons in table order; the index of a reason is its counter slot. */
export const REASON_NAMES = Object.keys(REASONS) as readonly Reason[];
