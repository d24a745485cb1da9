// Requests that try to be read in two ways: of paths, headers and identity. One table for every kind of
// listener; the policy below allows /public/* and denies x-role: admin.

export const TRICKS_POLICY = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: public, namespace: shop }
spec:
  action: ALLOW
  rules: [{ to: [{ operation: { methods: [GET, POST], paths: ["/public/*", "/files/{*}/data"] } }] }]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: admins, namespace: shop }
spec:
  action: DENY
  rules: [{ when: [{ key: "request.headers[x-role]", values: ["admin", "root*"] }] }]
`;

/** One request. `code`: why it is refused; `arrives`: the target with which it reaches the application. */
export interface Trick {
  readonly name: string;
  readonly method?: string;
  readonly path: string;
  /** Header lines, each with CRLF. */
  readonly lines?: string;
  readonly status: number;
  readonly code?: string;
  readonly arrives?: string;
}

const allowed = (name: string, path: string, arrives = path, lines = ''): Trick => ({
  name,
  path,
  lines,
  status: 200,
  arrives,
});
const denied = (name: string, path: string, lines = '', code = 'default-deny'): Trick => ({
  name,
  path,
  lines,
  status: 403,
  code,
});
const bad = (name: string, path: string, code: string, lines = ''): Trick => ({
  name,
  path,
  lines,
  status: 400,
  code,
});

export const TRICKS: readonly Trick[] = [
  allowed('a plain path', '/public/a'),
  allowed('a query that looks like another path', '/public/a?x=/../admin'),
  allowed('dot segments that stay inside', '/public/a/../b', '/public/b'),
  allowed('an unreserved character as an escape', '/public/%61', '/public/a'),
  allowed('a template', '/files/7/data'),
  allowed('an escape that stays an escape', '/public/a%20b'),
  denied('another path', '/admin'),
  denied('dot segments that lead out', '/public/../admin'),
  denied('dot segments that lead out, escaped', '/public/%2e%2e/admin'),
  denied('dot segments that lead out, half escaped', '/public/.%2E/admin'),
  denied('a dot segment at the end', '/public/..'),
  denied('more dot segments than there are segments', '/public/../../../admin'),
  denied('an escaped letter of another path', '/%61dmin'),
  denied('another case', '/PUBLIC/a'),
  denied('the prefix without its slash', '/public'),
  denied('a longer name', '/publication/a'),
  denied('two segments for one', '/files/7/8/data'),
  denied('no segment for one', '/files/data'),
  bad('an escaped slash', '/public/..%2fadmin', 'ambiguous-path'),
  bad('an escaped slash in upper case', '/public%2F..%2Fadmin', 'ambiguous-path'),
  bad('two slashes', '/public//a', 'ambiguous-path'),
  bad('two slashes before', '//public/a', 'ambiguous-path'),
  bad('a backslash', '/public\\..\\admin', 'ambiguous-path'),
  bad('an escaped backslash', '/public/..%5cadmin', 'ambiguous-path'),
  bad('a parameter behind dots', '/public/..;/admin', 'ambiguous-path'),
  bad('a parameter behind a dot', '/public/.;x/admin', 'ambiguous-path'),
  bad('an escaped NUL', '/public/a%00.txt', 'ambiguous-path'),
  bad('half an escape', '/public/%4', 'ambiguous-path'),
  bad('an escape that is none', '/public/%zz', 'ambiguous-path'),
  allowed('an overlong escape, which is no slash', '/public/a%c0%afb', '/public/a%C0%AFb'),
  bad('a fragment', '/public/a#/../admin', 'bad-path'),
  bad('a raw byte', '/public/\u00e9', 'bad-path'),
  denied('an escape of an escape', '/%2561dmin'),
  denied('the header of a DENY', '/public/a', 'X-Role: admin\r\n', 'deny-rule'),
  denied('in another case', '/public/a', 'x-ROLE: admin\r\n', 'deny-rule'),
  denied('with white space around it', '/public/a', 'X-Role:   admin  \r\n', 'deny-rule'),
  denied('as the second of two', '/public/a', 'X-Role: user\r\nX-Role: admin\r\n', 'deny-rule'),
  denied('as a member of a list', '/public/a', 'X-Role: user, admin\r\n', 'deny-rule'),
  denied('by its prefix', '/public/a', 'X-Role: user,root-7\r\n', 'deny-rule'),
  allowed('another value', '/public/a', '/public/a', 'X-Role: administrator\r\n'),
  bad('with an underscore', '/public/a', 'ambiguous-header', 'X_Role: admin\r\n'),
  bad(
    'hidden by Connection',
    '/public/a',
    'bad-connection-header',
    'X-Role: admin\r\nConnection: x-role\r\n',
  ),
  bad('folded', '/public/a', 'bad-header', 'X-Role: user\r\n admin\r\n'),
  bad('with a space before the colon', '/public/a', 'bad-header', 'X-Role : admin\r\n'),
  bad('with a bare newline', '/public/a', 'bare-newline', 'X-A: b\nX-Role: admin\r\n'),
  bad(
    'an identity with an underscore',
    '/public/a',
    'ambiguous-header',
    'X_Forwarded_Client_Cert: URI=x\r\n',
  ),
  bad('a second Host', '/public/a', 'bad-host', 'Host: other.test\r\n'),
  bad(
    'two framings',
    '/public/a',
    'conflicting-framing',
    'Content-Length: 0\r\nTransfer-Encoding: chunked\r\n',
  ),
  { name: 'TRACE', method: 'TRACE', path: '/public/a', status: 405, code: 'method-not-allowed' },
  { name: 'another method', method: 'DELETE', path: '/public/a', status: 403, code: 'default-deny' },
  { name: 'a method in lower case', method: 'get', path: '/public/a', status: 403, code: 'default-deny' },
];

/** What a caller may claim and no application may get from it, whatever the listener. */
export const FORGED =
  'X-Forwarded-Client-Cert: By=x;URI=spiffe://example.org/ns/shop/sa/forged\r\nProxy-Connection: close\r\n';
