// One value of each field: what can never match is refused, the rest is classified.
import { describe, expect, test } from 'vitest';
import { operationRule, parseText, policyText, rejects, sourceRule, whenRule } from './policy-text.ts';

const operation = (field: string, value: string): string =>
  policyText(operationRule(`{${field}: [${value}]}`));
const source = (field: string, value: string): string => policyText(sourceRule(`{${field}: [${value}]}`));

describe('values', () => {
  rejects([
    {
      name: 'a port as number',
      text: operation('ports', '8080'),
      code: 'ERR_POLICY_TYPE',
      says: 'quote it: "8080"',
      at: '7:38',
    },
    ...['"0"', '"65536"', '"080"', '"8080-8090"', '"*"', '"http"', '"+80"', '" 80"', '"80.0"', '"1e3"'].map(
      (port) => ({
        name: `port ${port}`,
        text: operation('ports', port),
        code: 'ERR_POLICY_PORT',
      }),
    ),
    {
      name: 'destination.port',
      text: policyText(whenRule('{key: destination.port, values: ["x"]}')),
      code: 'ERR_POLICY_PORT',
    },
    ...['get', 'Get', 'post', 'delete', 'connect'].map((method) => ({
      name: `method ${method}`,
      text: operation('methods', method),
      code: 'ERR_POLICY_METHOD',
      says: `did you mean \`${method.toUpperCase()}\``,
    })),
    ...['"a*b"', '"*a*"', '"**"', '"a*b*"'].flatMap((value) => [
      { name: `method ${value}`, text: operation('methods', value), code: 'ERR_POLICY_WILDCARD' },
      { name: `principal ${value}`, text: source('principals', value), code: 'ERR_POLICY_WILDCARD' },
      { name: `namespace ${value}`, text: source('namespaces', value), code: 'ERR_POLICY_WILDCARD' },
      { name: `trust domain ${value}`, text: source('trustDomains', value), code: 'ERR_POLICY_WILDCARD' },
      { name: `host ${value}`, text: operation('hosts', value), code: 'ERR_POLICY_WILDCARD' },
      {
        name: `header ${value}`,
        text: policyText(whenRule(`{key: "request.headers[a]", values: [${value}]}`)),
        code: 'ERR_POLICY_WILDCARD',
      },
    ]),
    {
      name: 'a principal of only a scheme',
      text: source('principals', '"spiffe://"'),
      code: 'ERR_POLICY_EMPTY',
    },
    ...['"a*"', '"*"', 'a/b/c', '/a', 'a/', '"a b"'].map((value) => ({
      name: `service account ${value}`,
      text: source('serviceAccounts', value),
      code: 'ERR_POLICY_SERVICE_ACCOUNT',
    })),
    {
      name: '17 service accounts',
      text: source('serviceAccounts', 'a, '.repeat(17)),
      code: 'ERR_POLICY_LIMIT',
    },
    {
      name: 'a service account of 321 characters',
      text: source('serviceAccounts', 'a'.repeat(321)),
      code: 'ERR_POLICY_SERVICE_ACCOUNT',
    },
    ...['principals', 'notPrincipals', 'namespaces', 'notNamespaces'].flatMap((other) =>
      ['serviceAccounts', 'notServiceAccounts'].map((accounts) => ({
        name: `${accounts} with ${other}`,
        text: policyText(sourceRule(`{${accounts}: [a], ${other}: [b]}`)),
        code: 'ERR_POLICY_SERVICE_ACCOUNT',
      })),
    ),
    ...[
      '"*"',
      '"10.*"',
      '"10.0.0.0/33"',
      '"10.0.0"',
      '"010.0.0.1"',
      '"fe80::1%eth0"',
      '"localhost"',
      '"1.2.3.4/"',
    ].map((value) => ({
      name: `IP block ${value}`,
      text: source('ipBlocks', value),
      code: 'ERR_POLICY_IP',
    })),
    { name: 'an IP address as number', text: source('remoteIpBlocks', '10.0'), code: 'ERR_POLICY_TYPE' },
    {
      name: 'source.ip',
      text: policyText(whenRule('{key: source.ip, notValues: [x]}')),
      code: 'ERR_POLICY_IP',
    },
    ...[
      '"https://a"',
      '"a:http"',
      '"a:0"',
      '"a:80:90"',
      '"2001:db8::1"',
      '"[::1]:x"',
      '"b\u00fccher.example"',
      '"."',
    ].map((value) => ({
      name: `host ${value}`,
      text: operation('hosts', value),
      code: 'ERR_POLICY_HOST',
    })),
  ]);
});

describe('paths', () => {
  const path = (value: string): string => operation('paths', JSON.stringify(value));
  rejects([
    ...['/a/*b', '/a/*/b', '*/a/*', '/**', '**'].map((value) => ({
      name: value,
      text: path(value),
      code: 'ERR_POLICY_WILDCARD',
      says: '{*}',
    })),
    ...[
      'a',
      'a*',
      '/a?b',
      '/a#b',
      '/a?',
      '//a',
      '/a//b',
      '/a//*',
      '/a%2Fb',
      '/a%2fb*',
      '/a%5C',
      '/a\\b',
      '/a%00',
      '/a%zz',
      '/a%4',
      '/a%*',
      '/a%2*',
      '/a/../b',
      '/a/./b',
      '/a/..',
      '/a/.',
      '/..',
      '/%2e%2e/a',
      '/%41',
      '/a%2dx',
      '/caf\u00e9',
      '/caf%c3%a9',
      '/a/..;/b',
      '/a/..;*',
      '/a/../*',
      '/a b',
      '/a|b',
      '/a"b',
      '*//a',
      '*/../a',
      '*%2F',
      '*%41',
      '*/..',
    ].map((value) => ({ name: value, text: path(value), code: 'ERR_POLICY_PATH' })),
    {
      name: 'the canonical form is proposed',
      text: path('/a/./%41'),
      code: 'ERR_POLICY_PATH',
      says: '`/a/A`',
    },
    ...[
      '/a/{id}',
      '/a/{*',
      '/a/*}',
      '/a/{}',
      '/a/{***}',
      '/a/{*}x',
      '/a/x{*}',
      '/{**}/{*}',
      '/{**}/{**}',
      '/a/{*}/*',
      '/{*}/b*',
      '/a/{*}/b c',
      '/a/{*}/\u00e9',
      '/a/{*}/"',
      '/{name=*}',
      '/a/{**}.png',
    ].map((value) => ({ name: value, text: path(value), code: 'ERR_POLICY_TEMPLATE' })),
    ...['/{*}//a', '/{*}/../a', '/{*}/%2F', '/{*}/%41', '{*}/a', '{**}'].map((value) => ({
      name: value,
      text: path(value),
      code: 'ERR_POLICY_PATH',
    })),
  ]);

  test.each([
    ['/', 'exact'],
    ['/a', 'exact'],
    ['/a/', 'exact'],
    ['/a%20b', 'exact'],
    ['/caf%C3%A9', 'exact'],
    ['/a.b/~c', 'exact'],
    ['/...', 'exact'],
    ['*', 'presence'],
    ['/*', 'prefix'],
    ['/a*', 'prefix'],
    ['/a/.*', 'prefix'],
    ['/.well-known/*', 'prefix'],
    ['/a/..*', 'prefix'],
    ['*.png', 'suffix'],
    ['*/end', 'suffix'],
    ['*..', 'suffix'],
    ['*/', 'suffix'],
    ['/{*}', 'template'],
    ['/{**}', 'template'],
    ['/a/{*}/b/{**}', 'template'],
    ['/a/{**}/b/c', 'template'],
    ['/{**}/', 'template'],
    ["/{*}/-._~%20!$&'()+,;:@=", 'template'],
  ])('%s is accepted as %s', (value, kind) => {
    const { policies, diagnostics } = parseText(path(value));
    expect(diagnostics).toEqual([]);
    expect(policies[0]?.rules[0]?.to?.[0]?.[0]?.values[0]?.kind).toBe(kind);
  });
});
