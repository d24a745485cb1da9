// Where the SVID and the bundles come from: one source each, and nobody may speak for the own trust domain.
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../../core/config/load.ts';
import { edit, errorsOf, FILE } from './config-text.ts';

const FILES = '  files: { certificate: tls.crt, key: tls.key, bundles: { example.org: ca.pem } }\n';
/** MINIMAL with another source of the SVID. */
const source = (lines: string): string => edit(FILES, lines === '' ? '' : `  ${lines}\n`);
/** MINIMAL with foreign bundles. */
const federation = (entries: string): string => edit(FILES, `${FILES}  federation: [ ${entries} ]\n`);
const SOCKET = 'unix:///run/spire/agent.sock';

describe('refused', () => {
  const rows: { name: string; text: string; expect: RegExp[] }[] = [
    {
      name: 'no source',
      text: source(''),
      expect: [/^2:3 ERR_CONFIG_CONFLICT `identity` has no source of the SVID \| add `files`/],
    },
    {
      name: 'two sources',
      text: edit(FILES, `${FILES}  workloadApi: { socket: ${SOCKET} }\n`),
      expect: [/`identity.files` and `identity.workloadApi` are both there \| .* remove one/],
    },
    ...[
      '/run/agent.sock',
      'unix:agent.sock',
      'unix://agent.sock',
      'tcp://127.0.0.1:8081',
      `unix:///${'x'.repeat(107)}`,
    ].map((socket) => ({
      name: `the socket \`${socket.slice(0, 30)}\``,
      text: source(`workloadApi: { socket: "${socket}" }`),
      expect: [/is not a Unix socket as `unix:\/\/\/run\/spire\/agent.sock`/],
    })),
    {
      name: 'an empty hint',
      text: source(`workloadApi: { socket: ${SOCKET}, hint: "" }`),
      expect: [/is not the `hint` of an SVID/],
    },
    {
      name: 'an issuer that is not told who asks',
      text: source('issuer: { address: issuer:8444, state: state }'),
      expect: [/nothing says who this workload is \| add `joinTokenFile`/],
    },
    {
      name: 'a service-account token for whoever answers',
      text: source('issuer: { address: issuer:8444, state: state, serviceAccountTokenFile: token }'),
      expect: [/only sent to an issuer that is known \| add `bundle`/],
    },
    {
      name: 'federation with the own trust domain',
      text: federation('{ trustDomain: example.org, file: x.pem }'),
      expect: [/`example.org` is the own trust domain \|/],
    },
    {
      name: 'a trust domain twice',
      text: federation('{ trustDomain: b.example, file: x.pem }, { trustDomain: b.example, file: y.pem }'),
      expect: [/`b.example` has a bundle already/],
    },
    {
      name: 'a foreign bundle without source',
      text: federation('{ trustDomain: b.example }'),
      expect: [/`b.example` has no source of its bundle/],
    },
    {
      name: 'a foreign bundle with two',
      text: federation('{ trustDomain: b.example, file: x.pem, endpoint: "https://b.example/bundle" }'),
      expect: [/`b.example` has 2 sources of its bundle/],
    },
    {
      name: 'a CA without endpoint',
      text: federation('{ trustDomain: b.example, file: x.pem, ca: y.pem }'),
      expect: [/`ca` is for an `endpoint`/],
    },
    {
      name: 'a cache without endpoint',
      text: federation('{ trustDomain: b.example, file: x.pem, cache: y.json }'),
      expect: [/`cache` is for an `endpoint`/],
    },
    ...['http://b.example/x', 'https://user@b.example/', 'https://b.example/#x', 'b.example', ''].map(
      (url) => ({
        name: `the endpoint \`${url}\``,
        text: federation(`{ trustDomain: b.example, endpoint: "${url}" }`),
        expect: [/is not an `https:\/\/` URL without user and fragment/],
      }),
    ),
    {
      name: 'a CRL without bundle',
      text: edit(FILES, `${FILES}  crls: { b.example: x.crl }\n`),
      expect: [/`b.example` has a CRL but no bundle \| add its bundle to identity.federation/],
    },
    {
      name: 'an alias that has a foreign bundle',
      text: federation('{ trustDomain: b.example, file: x.pem }').replace(
        'files: [policies/]',
        'files: [policies/], trustDomainAliases: [b.example]',
      ),
      expect: [/`b.example` stands for the own trust domain and has a bundle of its own/],
    },
    {
      name: 'cluster.local',
      text: federation('{ trustDomain: cluster.local, file: x.pem }'),
      expect: [/`cluster.local` in a policy stands for the own trust domain/],
    },
  ];
  it.each(rows)('$name', ({ text, expect: expected }) => {
    const found = errorsOf(text);
    expect(found).toHaveLength(expected.length);
    for (const [i, want] of expected.entries()) expect(found[i]).toMatch(want);
  });
});

describe('accepted', () => {
  it.each([
    { name: 'the Workload API', text: source(`workloadApi: { socket: ${SOCKET}, hint: internal }`) },
    { name: 'the short form of its socket', text: source('workloadApi: { socket: unix:/run/agent.sock }') },
    {
      name: 'the issuer',
      text: source('issuer: { address: issuer:8444, state: state, joinTokenFile: token }'),
    },
    {
      name: 'every way of federation',
      text: federation(
        `{ trustDomain: b.example, file: b.pem }, { trustDomain: c.example, endpoint: "https://c.example/bundle.json", ca: c.pem }, { trustDomain: d.example, workloadApi: ${SOCKET} }`,
      ),
    },
    {
      name: 'a CRL of a trust domain that an agent may federate with',
      text: source(`workloadApi: { socket: ${SOCKET} }\n  crls: { b.example: b.crl }`),
    },
  ])('$name', ({ text }) => {
    expect(errorsOf(text)).toEqual([]);
  });

  it('paths start at the file', () => {
    const { identity } = parseConfig(
      source(
        'issuer: { address: issuer:8444, state: state, joinTokenFile: token, bundle: ca.pem }\n  crls: { example.org: x.crl }\n  federation: [ { trustDomain: b.example, file: b.pem } ]',
      ),
      FILE,
    );
    expect(identity.issuer).toMatchObject({
      state: '/etc/sallyport/state',
      joinTokenFile: '/etc/sallyport/token',
      bundle: '/etc/sallyport/ca.pem',
      serviceAccountTokenFile: null,
    });
    expect(identity.crls).toEqual({ 'example.org': '/etc/sallyport/x.crl' });
    expect(identity.federation[0]).toMatchObject({ file: '/etc/sallyport/b.pem', ca: null });
  });
});
