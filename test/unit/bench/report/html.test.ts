// The page: what comes first, that it needs nothing from elsewhere, and that text of others stays text.
import { describe, expect, it } from 'vitest';
import { htmlReport } from '../../../../bench/report/html.ts';
import { PUBLISHED, PUBLISHED_HEADING } from '../../../../bench/report/published.ts';
import { fixture, HOSTILE, hostile } from './fixture.ts';
import { faultOf } from './well-formed.ts';

const page = htmlReport(fixture());

/** Positions of `parts` in the page, which must be in this order. */
function inOrder(parts: readonly string[]): void {
  const places = parts.map((part) => page.indexOf(part));
  expect(places).not.toContain(-1);
  expect(places).toEqual(places.toSorted((a, b) => a - b));
}

describe('htmlReport', () => {
  it('begins with where it was measured and what was missed', () => {
    inOrder([
      'sallyport benchmark, 2026-01-02',
      '2026-01-02 03:04 UTC, quick run',
      'Invented CPU',
      'commit abc1234+',
      '3 of 5 claims missed',
      'A note says',
      'does not hold',
      'unclear',
      'not measured',
      '✓ holds',
      '<svg',
      'requests table',
      'Peers as measured',
      'How it was measured',
      PUBLISHED_HEADING,
    ]);
  });

  it('has no heading for missed claims when none is missed', () => {
    const none = htmlReport(fixture({ scenarios: [] }));
    expect(none).not.toContain('>Missed<');
    expect(none).toContain('This run makes no claim.');
    expect(faultOf(none)).toBeNull();
  });

  it('is well-formed', () => expect(faultOf(page)).toBeNull());

  it('asks the network for nothing, and runs nothing', () => {
    expect(page).toContain('default-src &#39;none&#39;');
    for (const part of ['<script', '<link', '<img', '<iframe', ' src=', 'url(', '@import', ' onload='])
      expect(page).not.toContain(part);
    const addresses = [...page.matchAll(/https?:\/\/[^"<\s]+/g)].map(([address]) => address);
    const known = new Set(['http://www.w3.org/2000/svg', ...PUBLISHED.map(({ source }) => source)]);
    expect(addresses.filter((address) => !known.has(address))).toEqual([]);
  });

  it('is fit for light, dark and narrow screens', () => {
    for (const part of ['prefers-color-scheme:dark', 'width=device-width', 'max-width:34rem'])
      expect(page).toContain(part);
  });

  it('names what its tables and plots are about', () => {
    const count = (part: string): number => page.split(part).length - 1;
    expect(count('<table')).toBe(count('<caption>'));
    expect(count('<svg')).toBe(count('role="img"'));
    expect(page.match(/<th>/g)).toBeNull(); // each has a scope
  });

  it('fills short rows', () => expect(page).toContain('<th scope="row">nginx</th><td>failed</td><td></td>'));

  it.each(HOSTILE)('keeps %j as text', (text) => {
    const bad = htmlReport(hostile(text));
    expect(faultOf(bad)).toBeNull();
    for (const part of ['<script', '<img', '<!--', '<![CDATA']) expect(bad).not.toContain(part);
  });
});
