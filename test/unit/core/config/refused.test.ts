// What a user reads when a configuration is wrong: place, what is wrong, what to write instead.
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../../core/config/load.ts';
import { SallyportError } from '../../../../core/errors.ts';
import { edit, errorsOf, FILE, listener, MINIMAL } from './config-text.ts';

describe('refused, with place and hint', () => {
  const rows: { name: string; text: string; expect: (string | RegExp)[] }[] = [
    // YAML
    { name: 'empty', text: '', expect: [/^1:1 ERR_CONFIG_SYNTAX the file is empty/] },
    { name: 'only a comment', text: '# nothing\n', expect: [/ERR_CONFIG_SYNTAX the file is empty/] },
    {
      name: 'tab',
      text: edit('  trustDomain', '\ttrustDomain'),
      expect: [/^2:1 ERR_CONFIG_SYNTAX a tab indents this line \| YAML indents with spaces/],
    },
    {
      name: 'duplicate key',
      text: `${MINIMAL}policy: { files: [other/] }\n`,
      expect: [/^9:1 ERR_CONFIG_SYNTAX the same key stands twice/],
    },
    {
      name: 'two documents',
      text: `${MINIMAL}---\n{}\n`,
      expect: [/^9:1 ERR_CONFIG_SYNTAX the file has more than one/],
    },
    { name: 'a tag', text: edit('tls.crt', '!env TLS'), expect: [/^3:25 ERR_CONFIG_SYNTAX/] },
    { name: 'a list', text: '- a\n', expect: [/^1:1 ERR_CONFIG_TYPE .* must be a mapping, not a list/] },
    { name: 'a text', text: 'hello\n', expect: [/^1:1 ERR_CONFIG_TYPE .* not the text `hello`/] },
    { name: 'unclosed', text: 'a: {', expect: [/ERR_CONFIG_SYNTAX/] },
    {
      name: 'an unknown alias',
      text: edit('tls.crt', '*nowhere'),
      expect: [/ERR_CONFIG_SYNTAX unresolved alias/i],
    },
    {
      name: 'an alias bomb',
      text: `a: &a [${'x,'.repeat(99)}]\nb: &b [${'*a,'.repeat(99)}]\nc: [${'*b,'.repeat(99)}]\n`,
      expect: [/ERR_CONFIG_SYNTAX excessive alias count/],
    },
    // keys
    {
      name: 'unknown key, near',
      text: edit('upstream:', 'upstraem:'),
      expect: ['7:5 ERR_CONFIG_KEY unknown key `listeners[0].upstraem` | did you mean `upstream`?'],
    },
    {
      name: 'unknown key, far',
      text: `${MINIMAL}zebra: 1\n`,
      expect: [/^9:1 ERR_CONFIG_KEY unknown key `zebra` \| known here: workload, identity, listeners/],
    },
    {
      name: 'unknown key below the upstream',
      text: edit('upstream: 127.0.0.1:8080', 'upstream: { address: 127.0.0.1:8080, retries: 3 }'),
      expect: [/^7:42 ERR_CONFIG_KEY unknown key `listeners\[0\].upstream.retries`/],
    },
    {
      name: '__proto__',
      text: `${MINIMAL}__proto__: { admin: 1 }\n`,
      expect: [/ERR_CONFIG_KEY unknown key `__proto__`/],
    },
    {
      name: '__proto__ as a label',
      text: `${MINIMAL}workload: { labels: { __proto__: x } }\n`,
      expect: [/ERR_CONFIG_KEY unknown key `__proto__`/],
    },
    {
      name: 'a merge key',
      text: `${MINIMAL}log: { <<: { level: debug } }\n`,
      expect: [/ERR_CONFIG_KEY unknown key `log."<<"`/],
    },
    {
      name: 'no value',
      text: listener('limits:'),
      expect: ['8:5 ERR_CONFIG_EMPTY `listeners[0].limits` has no value | remove the key or give it a value'],
    },
    { name: 'null', text: listener('mtls: ~'), expect: [/^8:5 ERR_CONFIG_EMPTY/] },
    {
      name: 'upstream without a value',
      text: edit(' 127.0.0.1:8080', ''),
      expect: [/^7:5 ERR_CONFIG_EMPTY/],
    },
    {
      name: 'everything missing',
      text: 'log: { level: info }\n',
      expect: [
        '1:1 ERR_CONFIG_MISSING `identity` is missing',
        '1:1 ERR_CONFIG_MISSING `listeners` is missing',
        '1:1 ERR_CONFIG_MISSING `policy` is missing',
      ],
    },
    {
      name: 'no trust domain',
      text: edit('  trustDomain: example.org\n', ''),
      expect: [/^2:3 ERR_CONFIG_MISSING `identity.trustDomain` is missing \| allowed: a trust domain/],
    },
    // not built
    { name: 'workers', text: `${MINIMAL}workers: 4\n`, expect: [/^9:1 ERR_CONFIG_NOT_BUILT `workers`/] },
    {
      name: 'routes',
      text: listener('routes: []'),
      expect: [/^8:5 ERR_CONFIG_NOT_BUILT `listeners\[0\].routes`/],
    },
    { name: 'tcp', text: listener('protocol: tcp'), expect: [/ERR_CONFIG_NOT_BUILT/] },
    { name: 'postgres', text: listener('protocol: postgres'), expect: [/ERR_CONFIG_NOT_BUILT/] },
    {
      name: 'HTTP/2 over TLS to an upstream in plaintext',
      text: edit('upstream: 127.0.0.1:8080', 'upstream: { address: 127.0.0.1:8080, protocol: h2 }'),
      expect: [
        /the upstream of `inbound` has `protocol: h2` and `tls: off` \| `h2c` is HTTP\/2 in plaintext/,
      ],
    },
    {
      name: 'HTTP/2 and a PROXY header',
      text: edit(
        'upstream: 127.0.0.1:8080',
        'upstream: { address: 127.0.0.1:8080, protocol: h2c, proxyProtocol: v2 }',
      ),
      expect: [/has `proxyProtocol` and HTTP\/2, whose connections are shared by callers/],
    },
    // values
    {
      name: 'a word misspelt',
      text: listener('mtls: strikt'),
      expect: [
        /^8:11 ERR_CONFIG_VALUE `listeners\[0\].mtls` is `strikt` \| did you mean `strict`\? allowed: /,
      ],
    },
    {
      name: 'mtls: false',
      text: listener('mtls: false'),
      expect: [/ERR_CONFIG_VALUE `listeners\[0\].mtls` is `false`/],
    },
    {
      name: 'a duration without a unit',
      text: listener('timeouts: { head: 10 }'),
      expect: [
        '8:23 ERR_CONFIG_TYPE `listeners[0].timeouts.head` must be a duration, not the number `10` | allowed: 100ms',
      ],
    },
    {
      name: 'a duration in words',
      text: listener('timeouts: { head: 10sec }'),
      expect: [
        /`listeners\[0\].timeouts.head`: `10sec` is not a duration \| write a whole number and ms, s, m/,
      ],
    },
    { name: 'a fraction', text: listener('timeouts: { head: 1.5s }'), expect: [/`1.5s` is not a duration/] },
    { name: 'negative', text: listener('timeouts: { head: -1s }'), expect: [/`-1s` is not a duration/] },
    {
      name: 'too long',
      text: listener('timeouts: { head: 6m }'),
      expect: [/out of range \| allowed: 100ms to 5m$/],
    },
    { name: 'too short', text: listener('timeouts: { head: 0s }'), expect: [/out of range/] },
    {
      name: 'none where it is not',
      text: listener('timeouts: { head: none }'),
      expect: [/`none` is not a duration/],
    },
    {
      name: 'decimal size',
      text: listener('limits: { headBytes: 64KB }'),
      expect: [/`64KB` is not a size \| .*KiB/],
    },
    {
      name: 'size too large',
      text: listener('limits: { headBytes: 1GiB }'),
      expect: [/allowed: 1KiB to 1MiB/],
    },
    {
      name: 'headers 0',
      text: listener('limits: { headers: 0 }'),
      expect: [/is 0, out of range \| allowed: 1 to 1000/],
    },
    {
      name: 'headers 1.5',
      text: listener('limits: { headers: 1.5 }'),
      expect: [/ERR_CONFIG_TYPE .*must be a number/],
    },
    {
      name: 'headers as text',
      text: listener('limits: { headers: "9" }'),
      expect: [/must be a number, not the text `9`/],
    },
    {
      name: 'no stream',
      text: listener('limits: { streams: 0 }'),
      expect: [/`listeners\[0\].limits.streams` is 0, out of range \| allowed: 1 to 1000/],
    },
    {
      name: 'streams without end',
      text: listener('limits: { streams: none }'),
      expect: [/`listeners\[0\].limits.streams` must be a number/],
    },
    {
      name: 'streams above the most',
      text: listener('limits: { streams: 1001 }'),
      expect: [/allowed: 1 to 1000/],
    },
    { name: 'not a number', text: listener('limits: { headers: .nan }'), expect: [/ERR_CONFIG_TYPE/] },
    { name: 'port 0', text: listener('port: 0'), expect: [/`listeners\[0\].port` is 0, out of range/] },
    { name: 'port 65536', text: listener('port: 65536'), expect: [/allowed: 1 to 65535/] },
    { name: 'sample 2', text: `${MINIMAL}log: { sample: 2 }\n`, expect: [/`log.sample` is 2, out of range/] },
    {
      name: 'trust 0',
      text: listener('forwarded: { trust: 0 }'),
      expect: [/ERR_CONFIG_VALUE .*forwarded.trust` is 0/],
    },
    {
      name: 'trust nothing',
      text: listener('forwarded: {}'),
      expect: [/ERR_CONFIG_MISSING .*forwarded.trust/],
    },
    {
      name: 'forwarded misspelt',
      text: listener('forwarded: sanitise'),
      expect: [/did you mean `sanitize`/],
    },
    // addresses
    {
      name: 'no port',
      text: edit('0.0.0.0:8443', '0.0.0.0'),
      expect: [/^6:14 ERR_CONFIG_VALUE .* is not an address/],
    },
    {
      name: 'only a port',
      text: edit('0.0.0.0:8443', '":8443"'),
      expect: [/names no interface \| write `0.0.0.0:8443`/],
    },
    { name: 'star', text: edit('0.0.0.0:8443', '"*:8443"'), expect: [/write `0.0.0.0:8443`/] },
    {
      name: 'a number',
      text: edit('0.0.0.0:8443', '8443'),
      expect: [/must be an address, not the number `8443`/],
    },
    { name: 'localhost', text: edit('0.0.0.0:8443', 'localhost:8443'), expect: [/write `127.0.0.1:8443`/] },
    {
      name: 'a name',
      text: edit('0.0.0.0:8443', 'web.shop:8443'),
      expect: [/is not an IP address and a port/],
    },
    {
      name: 'listen 70000',
      text: edit('0.0.0.0:8443', '0.0.0.0:70000'),
      expect: [/has port 70000 \| ports are 0/],
    },
    {
      name: 'bare IPv6',
      text: edit('0.0.0.0:8443', '"::1:8443"'),
      expect: [/is not an address \| .*brackets/],
    },
    { name: '256', text: edit('0.0.0.0:8443', '256.0.0.0:8443'), expect: [/is not an IP address/] },
    {
      name: 'an upstream URL',
      text: edit('127.0.0.1:8080', 'http://127.0.0.1:8080'),
      expect: [/is a URL \| leave the scheme/],
    },
    { name: 'upstream port 0', text: edit('127.0.0.1:8080', '127.0.0.1:0'), expect: [/^7:15 .*has port 0/] },
    { name: 'upstream IP typo', text: edit('127.0.0.1:8080', '127.0.0.1.1:8080'), expect: [/as its host/] },
    {
      name: 'upstream list',
      text: edit('127.0.0.1:8080', '[a, b]'),
      expect: [/ERR_CONFIG_TYPE .*upstream` must be a mapping/],
    },
    // lists, maps, texts
    {
      name: 'no listeners',
      text: edit(MINIMAL.slice(MINIMAL.indexOf('\n  - name'), MINIMAL.indexOf('policy:')), ' []\n'),
      expect: [/^4:12 ERR_CONFIG_VALUE `listeners` has no entries/],
    },
    {
      name: 'listeners as a mapping',
      text: edit(MINIMAL.slice(MINIMAL.indexOf('\n  - name'), MINIMAL.indexOf('policy:')), ' {}\n'),
      expect: [/must be a list, not a mapping/],
    },
    { name: 'no policy files', text: edit('[policies/]', '[]'), expect: [/`policy.files` has no entries/] },
    {
      name: 'policy files as text',
      text: edit('[policies/]', 'policies/'),
      expect: [/`policy.files` must be a list, not the text/],
    },
    { name: 'an empty path', text: edit('tls.crt', '""'), expect: [/ERR_CONFIG_VALUE/] },
    {
      name: 'a number as a label',
      text: `${MINIMAL}workload: { labels: { version: 1 } }\n`,
      expect: [/must be a text, not the number `1` \| put it in quotes: `"1"`/],
    },
    {
      name: 'a bad label name',
      text: `${MINIMAL}workload: { labels: { "a b": x } }\n`,
      expect: [/^9:23 ERR_CONFIG_VALUE the key `a b` is not a label name/],
    },
    {
      name: 'a bad namespace',
      text: `${MINIMAL}workload: { namespace: Shop }\n`,
      expect: [/`workload.namespace`: `Shop` is not a name of/],
    },
    {
      name: 'a scheme in the trust domain',
      text: edit('trustDomain: example.org', 'trustDomain: spiffe://example.org'),
      expect: [/`spiffe:\/\/example.org` is not a trust domain/],
    },
    {
      name: 'a pattern of trust domains',
      text: edit('[policies/]', '[policies/], trustDomains: ["*.example.org"]'),
      expect: [/`policy.trustDomains\[0\]`: `\*\.example\.org` is not a trust domain/],
    },
    {
      name: 'an unknown private field',
      text: `${MINIMAL}log: { redact: [sourceip] }\n`,
      expect: [/`log.redact\[0\]`: `sourceip` is not one of/],
    },
    // between keys
    {
      name: 'no own bundle',
      text: edit('{ example.org: ca.pem }', '{ other.org: ca.pem }'),
      expect: [/^3:57 ERR_CONFIG_CONFLICT .*no bundle for the own trust domain `example.org`/],
    },
    {
      name: 'a CRL without bundle',
      text: edit('ca.pem } }', 'ca.pem }, crls: { b.org: b.crl } }'),
      expect: [/`b.org` has a CRL but no bundle/],
    },
    {
      name: 'an alias with a bundle',
      text: edit('ca.pem }', 'ca.pem, b.org: b.pem }').replace(
        '[policies/]',
        '[policies/], trustDomainAliases: [b.org]',
      ),
      expect: [/^8:52 ERR_CONFIG_CONFLICT `b.org` stands for .*impersonate/],
    },
    {
      name: 'cluster.local with a bundle',
      text: edit('ca.pem }', 'ca.pem, cluster.local: b.pem }'),
      expect: [/ERR_CONFIG_CONFLICT `cluster.local` in a policy stands for/],
    },
    {
      name: 'admin for everyone',
      text: `${MINIMAL}admin: { address: 0.0.0.0:15000 }\n`,
      expect: [/^9:19 ERR_CONFIG_CONFLICT .*other machines may reach \| write `127.0.0.1:15000`/],
    },
    {
      name: 'status on the listener',
      text: `${MINIMAL}status: { address: 127.0.0.1:8443 }\n`,
      expect: [/`127.0.0.1:8443` is taken by `inbound`/],
    },
    {
      name: 'status on admin',
      text: `${MINIMAL}status: { address: "[::]:15000" }\n`,
      expect: [/`127.0.0.1:15000` is taken by `status`/],
    },
    {
      name: 'two listeners, one address and name',
      text: edit(
        'policy:',
        '  - { name: inbound, address: 0.0.0.0:8443, upstream: 127.0.0.1:8080 }\npolicy:',
      ),
      expect: [/^8:13 .*the name `inbound` is taken/, /^8:31 .*is taken by `inbound`/],
    },
    {
      name: 'an upstream that is the listener',
      text: edit('127.0.0.1:8080', '127.0.0.1:8443'),
      expect: [/^7:15 ERR_CONFIG_CONFLICT .*requests would go in circles/],
    },
    { name: 'the same by name', text: edit('127.0.0.1:8080', 'localhost:8443'), expect: [/circles/] },
    {
      name: 'a log field of ours',
      text: `${MINIMAL}log: { fields: { verdict: x } }\n`,
      expect: [/`verdict` is a field that the log has already/],
    },
  ];
  it.each(rows)('$name', ({ text, expect: expected }) => {
    const found = errorsOf(text);
    expect(found).toHaveLength(expected.length);
    for (const [i, want] of expected.entries()) {
      if (typeof want === 'string') expect(found[i]).toContain(want);
      else expect(found[i]).toMatch(want);
    }
  });

  it('shows all errors of the file, in its order, each with its line', () => {
    const text = 'identity: { trustDomain: A }\nlisteners: [ { name: x } ]\npolcy: {}\n';
    expect(errorsOf(text).map((e) => e.split(' ').slice(0, 2).join(' '))).toEqual([
      '1:1 ERR_CONFIG_MISSING',
      '1:26 ERR_CONFIG_VALUE',
      '2:14 ERR_CONFIG_MISSING',
      '3:1 ERR_CONFIG_KEY',
    ]);
  });

  it('quotes the offending line', () => {
    try {
      parseConfig(listener('mtls: strikt'), FILE);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(SallyportError);
      if (!(error instanceof SallyportError)) return;
      expect(error.code).toBe('ERR_CONFIG_INVALID');
      expect(error.diagnostics[0]?.text).toBe('    mtls: strikt');
    }
  });
});
