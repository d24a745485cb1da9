// Sources, and which connections share a residual.
import { describe, expect, test } from 'vitest';
import { evaluate } from '../../../policy/evaluate.ts';
import type { PolicyOptions } from '../../../policy/model.ts';
import type { ConnectionFacts } from '../../../policy/request.ts';
import { residualFor } from '../../../policy/residual.ts';
import { ask, CALLER, type Fields, policy, request, tableOf } from './table-rules.ts';

const GET = request('GET /');

interface SourceRow {
  readonly from: Fields;
  readonly caller: Partial<ConnectionFacts>;
  readonly options?: Partial<PolicyOptions>;
  readonly allow: boolean;
  readonly deny: boolean;
}

const id = (text: string): Partial<ConnectionFacts> => ({ principal: `spiffe://${text}` });

const SOURCES: readonly SourceRow[] = [
  { from: { principals: ['td/ns/shop/sa/web'] }, caller: {}, allow: true, deny: true },
  { from: { principals: ['td/ns/shop/sa/web'] }, caller: id('td/ns/shop/sa/we'), allow: false, deny: false },
  { from: { principals: ['td/ns/shop/sa/web'] }, caller: id('old/ns/shop/sa/web'), allow: true, deny: true },
  {
    from: { principals: ['td/ns/shop/sa/web'] },
    caller: id('cluster.local/ns/shop/sa/web'),
    allow: true,
    deny: true,
  },
  { from: { principals: ['cluster.local/ns/shop/sa/web'] }, caller: {}, allow: true, deny: true },
  {
    from: { principals: ['td/ns/shop/sa/web'] },
    caller: id('far/ns/shop/sa/web'),
    allow: false,
    deny: false,
  },
  { from: { principals: ['td/web'] }, caller: id('old/web'), allow: false, deny: false },
  { from: { principals: ['td/ns/*'] }, caller: id('old/ns/shop/sa/web'), allow: false, deny: false },
  { from: { principals: ['*/sa/web'] }, caller: id('far/ns/shop/sa/web'), allow: true, deny: true },
  { from: { principals: ['*'] }, caller: { principal: null }, allow: false, deny: false },
  { from: { '!principals': ['*'] }, caller: { principal: null }, allow: true, deny: true },
  { from: { namespaces: ['shop'] }, caller: {}, allow: true, deny: true },
  { from: { namespaces: ['shop'] }, caller: id('td/x/shop/sa/web'), allow: false, deny: false },
  { from: { namespaces: ['shop'] }, caller: id('far/ns/shop/sa/web'), allow: false, deny: true },
  { from: { namespaces: ['shop'] }, caller: id('old/ns/shop/sa/web'), allow: false, deny: true },
  {
    from: { namespaces: ['shop'] },
    caller: id('far/ns/shop/sa/web'),
    options: { trustDomains: ['far'] },
    allow: true,
    deny: true,
  },
  {
    from: { namespaces: ['shop'] },
    caller: id('far/ns/shop/sa/web'),
    options: { trustDomains: ['*'] },
    allow: true,
    deny: true,
  },
  { from: { '!namespaces': ['shop'] }, caller: id('far/ns/shop/sa/web'), allow: false, deny: true },
  { from: { '!namespaces': ['shop'] }, caller: {}, allow: false, deny: false },
  { from: { serviceAccounts: ['shop/web'] }, caller: {}, allow: true, deny: true },
  { from: { serviceAccounts: ['shop/web'] }, caller: id('far/ns/shop/sa/web'), allow: false, deny: true },
  { from: { serviceAccounts: ['shop/web'] }, caller: id('td/ns/shop/sa/api'), allow: false, deny: false },
  { from: { trustDomains: ['td', 'f*'] }, caller: id('far/x'), allow: true, deny: true },
  { from: { trustDomains: ['td'] }, caller: id('old/ns/shop/sa/web'), allow: false, deny: false },
  { from: { ipBlocks: ['10.0.0.0/8'] }, caller: {}, allow: true, deny: true },
  { from: { ipBlocks: ['10.0.0.0/29'] }, caller: {}, allow: true, deny: true },
  { from: { ipBlocks: ['10.0.0.0/30'] }, caller: {}, allow: false, deny: false },
  { from: { ipBlocks: ['0.0.0.0/0'] }, caller: { sourceIp: '::1' }, allow: false, deny: false },
  {
    from: { ipBlocks: ['2001:db8::/33'] },
    caller: { sourceIp: '2001:db8:7fff::1' },
    allow: true,
    deny: true,
  },
  {
    from: { ipBlocks: ['2001:db8::/33'] },
    caller: { sourceIp: '2001:db8:8000::1' },
    allow: false,
    deny: false,
  },
  { from: { ipBlocks: ['10.0.0.0/8'] }, caller: { sourceIp: null }, allow: false, deny: false },
  { from: { ipBlocks: ['10.0.0.0/8'] }, caller: { sourceIp: 'not an address' }, allow: false, deny: false },
  { from: { '!ipBlocks': ['10.0.0.0/8'] }, caller: {}, allow: false, deny: false },
  {
    from: { remoteIpBlocks: ['192.168.0.0/16'] },
    caller: { remoteIp: '192.168.1.1' },
    allow: true,
    deny: true,
  },
];

// Alone a group is verified; among many it must be found first.
describe.each([0, 100])('a source beside %i others', (others) => {
  const beside = Array.from({ length: others }, (_, i) => ({
    from: [{ principals: [`td/ns/x/sa/s${i}`] }, { ipBlocks: [`172.16.${i}.0/24`] }],
  }));
  test.each(SOURCES)('$from seen by $caller $options', ({ from, caller, options, allow, deny }) => {
    const rules = [...beside, { from: [from] }];
    expect(ask(tableOf([policy('web', rules)], options), GET, caller).verdict === 'allow').toBe(allow);
    const denying = tableOf([policy('no', rules, { action: 'DENY' })], options);
    expect(ask(denying, GET, caller).reason === 'deny-rule').toBe(deny);
  });
});

test.each([
  { when: { 'destination.ip': ['10.0.1.0/24'] }, allow: true },
  { when: { 'destination.ip': ['10.0.2.0/24'] }, allow: false },
  { when: { 'destination.port': ['8080'] }, allow: true },
  { when: { 'destination.port': ['80'] }, allow: false },
  { when: { 'connection.sni': ['*.shop'] }, allow: true },
  { when: { '!connection.sni': ['*.shop'] }, allow: false },
  { when: { 'source.namespace': ['shop'], 'source.ip': ['10.0.0.7'] }, allow: true },
  { when: { 'source.principal': ['td/ns/shop/sa/web'], 'source.ip': ['10.0.0.8'] }, allow: false },
])('when $when', ({ when, allow }) => {
  expect(ask(tableOf([policy('web', [{ when }])]), GET).verdict === 'allow').toBe(allow);
});

describe('a residual', () => {
  const table = tableOf([
    policy('web', [
      { from: [{ ipBlocks: ['10.0.0.0/24'] }] },
      { from: [{ principals: ['td/ns/shop/sa/web'] }] },
    ]),
    policy('old', [{}], { expiresAtMs: 100 }),
  ]);
  const of = (given: Partial<ConnectionFacts>, nowMs = 0) =>
    residualFor(table, { ...CALLER, ...given }, nowMs);

  test('is shared by connections that no condition tells apart', () => {
    expect(of({ sourceIp: '10.0.0.200' })).toBe(of({}));
    expect(of({ sni: 'other', destinationPort: 1, destinationIp: '::1', remoteIp: '1.2.3.4' })).toBe(of({}));
  });
  test('is another for another principal, address class and expiry', () => {
    expect(of({ sourceIp: '10.0.1.1' })).not.toBe(of({}));
    expect(of({ principal: null })).not.toBe(of({}));
    expect(of({}, 100)).not.toBe(of({}, 99));
  });
  test('tells until when it holds', () => {
    expect([of({}, 99).validUntilMs, of({}, 100).validUntilMs]).toEqual([100, Number.POSITIVE_INFINITY]);
  });
  test('does not outlive the bound on residuals', () => {
    const first = of({});
    for (let i = 0; i < 5000; i++) of({ principal: `spiffe://td/${i}` });
    expect(table.residuals.size).toBeLessThanOrEqual(4096);
    expect(of({})).not.toBe(first);
  });
  test('asks each request for a remote IP that the connection does not know', () => {
    const behind = tableOf([policy('web', [{ from: [{ remoteIpBlocks: ['192.168.0.0/16'] }] }])]);
    const residual = residualFor(behind, { ...CALLER, remoteIp: undefined }, 0);
    const verdicts = ['192.168.0.1', '10.0.0.1', '192.168.9.9'].map(
      (remoteIp) => evaluate(residual, request('GET /', { remoteIp })).verdict,
    );
    expect(verdicts).toEqual(['allow', 'deny', 'allow']);
    expect(evaluate(residual, { http: null, remoteIp: null }).verdict).toBe('deny');
    for (let i = 0; i < 3000; i++)
      evaluate(residual, request('GET /', { remoteIp: `10.1.${i >> 8}.${i & 255}` }));
    expect(behind.residuals.size).toBeLessThan(5);
  });
});
