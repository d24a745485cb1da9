// The sections of the documents: what they hold, that text of others cannot break them, and where they go.
import { describe, expect, it } from 'vitest';
import { readmeSection, resultsSection } from '../../../../bench/report/markdown.ts';
import { replaceSection } from '../../../../bench/report/marked-section.ts';
import { fixture, HOSTILE, hostile, point, scenario } from './fixture.ts';

const lines = (text: string): string[] => text.split('\n');

describe('readmeSection', () => {
  const section = readmeSection(fixture());

  it('has a row per peer, with ratios and added latency of the same round', () => {
    expect(lines(section).filter((line) => /^\| (sallyport|envoy|haproxy|nginx)/.test(line))).toEqual([
      '| sallyport | 1,000 rules | 61.0 | 1.49 | 140 [140..140] | 700 [700..700] | 70.0 |',
      '| haproxy | no rule | 41.0 | 1.00 | 80 [80..80] | 400 [400..400] | 70.0 |',
      '| envoy-1 | 1 rule | 131 | 3.24 | 160 [160..160] | 800 [800..800] | 70.0 |',
      '| envoy-1000 | 1,000 rules | 280-410? | 7.00-9.76? | - | - | 70.0 |',
      '| nginx | - | failed | - | - | - | - |',
      '| sallyport | 0.70 | 87.9 | 70.0 | 87.9 |',
      '| envoy-1 | 1.30 | 66.4 | 130 | 66.4 |',
    ]);
  });

  it('lists the missed claims before the held ones', () => {
    const claims = lines(section).filter((line) => /^(\*\*(Missed|Held)|- )/.test(line));
    expect(claims).toEqual([
      '**Missed**',
      '- CPU per request <= 1.3 x HAProxy: 1.49 x (1.48-1.50 x over 3)',
      '- RSS <= Envoy’s: unclear: rounds differ too much',
      '- handshake <= 1.1 x HAProxy: not measured: needs haproxy',
      '**Held**',
      '- CPU per request <= 0.5 x Envoy: 0.46 x (0.45-0.47 x over 3)',
      '- added p95 < 1 ms: 0.42 ms',
    ]);
  });

  it('says where and when, and links the picture, the report and the tables', () => {
    for (const part of ['quick run on 2026-01-02', 'abc1234+', '(docs/benchmarks/cpu.svg)', 'report.html)'])
      expect(section).toContain(part);
  });

  it('sends to the notes, when there are some', () => {
    expect(section).toContain('A note says what was skipped');
    expect(readmeSection(hostile('x'))).toContain('4 notes say');
    expect(readmeSection(fixture({ scenarios: [] }))).not.toContain('note say');
  });

  it('leaves out what was not measured', () => {
    const scenarios = [scenario('reload', [point({ peer: 'sallyport', rounds: [{}] })])];
    const bare = readmeSection(fixture({ scenarios }));
    for (const part of ['cpu.svg', 'Missed', 'Held', 'sidecars', '|---|']) expect(bare).not.toContain(part);
  });
});

describe('resultsSection', () => {
  const section = resultsSection(fixture());

  it('has every scenario with its tables and notes, and the peers', () => {
    for (const part of ['### requests', '**requests table**', '- nginx: round 1 failed', '### rules'])
      expect(section).toContain(part);
    expect(section).toContain('| envoy-1 | 1.40.0 | TLSv1.3 TLS_AES_128_GCM_SHA256 X25519 | 1 |');
  });

  it('keeps what others publish under a heading that says so', () => {
    expect(section.indexOf('not measured here')).toBeLessThan(section.indexOf('ztunnel'));
  });
});

describe.each([
  { name: 'readmeSection', make: readmeSection, marker: 'figures' },
  { name: 'resultsSection', make: resultsSection, marker: 'results' },
])('$name', ({ make, marker }) => {
  it.each(HOSTILE)('keeps %j as text', (text) => {
    const harmless = make(hostile('x'));
    const bad = make(hostile(text));
    expect(lines(bad).length).toBe(lines(harmless).length);
    expect(bad).not.toContain(`<!-- ${marker}:end`);
    expect(bad.replace(/<!-- Generated.*-->/, '')).not.toMatch(/<[A-Za-z/!?]/);
    const unescaped = (table: string): number => table.match(/(?<!\\)\|/g)?.length ?? 0;
    expect(unescaped(bad)).toBe(unescaped(harmless));
  });
});

describe('replaceSection', () => {
  const begin = '<!-- a:begin -->\n';
  const end = '\n<!-- a:end -->';
  it.each([
    { name: 'old text', document: `x\n${begin}old${end}\ny`, expect: `x\n${begin}new${end}\ny` },
    { name: 'no text', document: `<!-- a:begin -->\n<!-- a:end -->\n`, expect: `${begin}new${end}\n` },
    { name: 'patterns of replace', document: `${begin}$&${end}`, expect: `${begin}new${end}` },
    { name: 'no marker', document: 'x', expect: null },
    { name: 'no first marker', document: `x${end}`, expect: null },
    { name: 'no last marker', document: `${begin}x`, expect: null },
    { name: 'the markers of another', document: `<!-- b:begin -->\nx\n<!-- b:end -->`, expect: null },
    { name: 'the wrong order', document: `\n<!-- a:end -->\n${begin}`, expect: null },
    { name: 'two beginnings', document: `${begin}${begin}x${end}`, expect: null },
    { name: 'two ends', document: `${begin}x${end}${end}`, expect: null },
  ])('$name', ({ document, expect: want }) => {
    expect(replaceSection({ document, name: 'a' }, 'new')).toBe(want);
  });

  it('takes text as it is', () => {
    expect(replaceSection({ document: `${begin}${end}`, name: 'a' }, "$& $1 $'")).toBe(
      `${begin}$& $1 $'${end}`,
    );
  });
});
