// Plots: what is drawn for good, too wide and missing figures, and that what is drawn is well-formed.
import { describe, expect, it } from 'vitest';
import { pictureSubtitle } from '../../../../bench/report/overview.ts';
import { plotsOf } from '../../../../bench/report/plots/all.ts';
import { cpuPlot } from '../../../../bench/report/plots/cpu.ts';
import { latencyPlot, timeText } from '../../../../bench/report/plots/latency.ts';
import { colourVariables } from '../../../../bench/report/plots/peer-style.ts';
import { rulesPlot } from '../../../../bench/report/plots/rules.ts';
import { inlineSvg, type Plot, standaloneSvg } from '../../../../bench/report/plots/svg.ts';
import type { Point, RunResult } from '../../../../bench/result.ts';
import { fixture, HOSTILE, hostile, point, scenario } from './fixture.ts';
import { faultOf } from './well-formed.ts';

const only = (name: string, ...points: readonly Point[]): RunResult =>
  fixture({ scenarios: [scenario(name, points)] });
const count = (text: string, part: string): number => text.split(part).length - 1;
/** What is drawn in the colour of a peer of `plot`, by the name it is labelled with. */
const groupOf = (plot: Plot | null, peer: string): string =>
  plot?.body.split('<g ').find((group) => group.includes(`>${peer}`)) ?? 'nothing';

describe('plotsOf', () => {
  it('draws every kind, each under its own id', () => {
    expect(plotsOf(fixture()).map(({ id }) => id)).toEqual(['latency', 'cpu', 'rules', 'memory-connections']);
  });

  it.each([
    { name: 'no scenario', input: fixture({ scenarios: [] }) },
    { name: 'points without a round', input: only('requests', point({ peer: 'a', rounds: [] })) },
    { name: 'rounds that failed', input: only('requests', point({ peer: 'a', rounds: [null] })) },
    { name: 'no process', input: only('requests', point({ peer: 'direct', rounds: [{ cpu: null }] })) },
    { name: 'a latency without a curve', input: only('latency', point({ peer: 'a', x: 10, rounds: [{}] })) },
    {
      name: 'a curve of the maximum alone',
      input: only('latency', point({ peer: 'a', x: 10, rounds: [{}], curve: [[100, 9]] })),
    },
    { name: 'one number of rules', input: only('rules', point({ peer: 'a', x: 10, rounds: [{}] })) },
    {
      name: 'variants that are no connections',
      input: only(
        'bodies',
        point({ peer: 'a', variant: '1 KiB', x: 1_024, rounds: [{}] }),
        point({ peer: 'a', variant: '2 KiB', x: 2_048, rounds: [{}] }),
      ),
    },
  ])('leaves out what has no figures: $name', ({ input }) => expect(plotsOf(input)).toEqual([]));

  it.each(['whatever it is given', ...HOSTILE])('is well-formed with %j', (text) => {
    const result = hostile(text);
    const plots = plotsOf(result);
    expect(plots.length).toBe(4);
    for (const plot of plots) {
      expect(faultOf(inlineSvg(plot))).toBeNull();
      expect(faultOf(standaloneSvg(plot, pictureSubtitle(result)))).toBeNull();
    }
  });
});

describe('the plot of CPU time', () => {
  const plot = cpuPlot(fixture());

  it('has the cheapest first and ours highlighted', () => {
    const said = plot?.description ?? '';
    const names = ['haproxy', 'sallyport', 'envoy-1 ', 'envoy-1000'];
    const places = names.map((name) => said.indexOf(name));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(groupOf(plot, 'sallyport')).toContain('class="peer ours"');
    expect(groupOf(plot, 'haproxy')).toContain('class="peer"');
  });

  it('shows a median as a bar with its spread', () => {
    const group = groupOf(plot, 'sallyport');
    expect([count(group, 'class="bar"'), count(group, 'class="whisker"')]).toEqual([1, 1]);
    expect(group).toContain('>61.0<');
  });

  it('shows rounds that differ too much as a range without a bar, and says so', () => {
    const group = groupOf(plot, 'envoy-1000');
    expect([count(group, 'class="bar"'), count(group, 'class="range"')]).toEqual([0, 1]);
    expect(group).toContain('>280 to 410 ?<');
    expect(plot?.caption.join(' ')).toContain('differ too much');
  });

  it('leaves out who failed and who is no process', () => {
    expect(plot?.body).not.toContain('nginx');
    expect(plot?.body).not.toContain('direct');
  });
});

describe('the plot over rules', () => {
  const plot = rulesPlot(fixture());

  it('breaks the line where the rounds give no middle', () => {
    const group = groupOf(plot, 'envoy<');
    expect(count(group, '<path')).toBe(1); // 1 and 100 rules; 10,000 stands alone
    expect(count(group, 'class="range"')).toBe(1);
    expect(plot?.caption.join(' ')).toContain('differ too much');
  });

  it('says nothing of ranges when there are none', () => {
    const flat = [1, 10].map((x) => point({ peer: 'a', x, rounds: [{ cpu: 50 }, { cpu: 51 }] }));
    expect(rulesPlot(only('rules', ...flat))?.caption.join(' ')).not.toContain('differ too much');
  });
});

describe('the plot of latency', () => {
  it('takes the rate of 1,000/s, or else the highest', () => {
    expect(latencyPlot(fixture())?.title).toContain('1,000/s');
    const points = [10, 500].map((x) =>
      point({
        peer: 'a',
        x,
        variant: `${x}/s`,
        rounds: [{}],
        curve: [
          [50, 100],
          [99, 200],
        ],
      }),
    );
    expect(latencyPlot(only('latency', ...points))?.title).toContain('500/s');
  });

  it('tells the figures to those who do not see it', () => {
    expect(latencyPlot(fixture())?.description).toContain('sallyport: 50 % within');
  });

  it.each([
    { us: 87.123, expect: '87.1 µs' },
    { us: 999, expect: '999 µs' },
    { us: 1_540, expect: '1.54 ms' },
    { us: 2_000_000, expect: '2 s' },
  ])('writes $us as $expect', ({ us, expect: want }) => expect(timeText(us)).toBe(want));
});

describe('colours', () => {
  const [light = '', dark = ''] = colourVariables().split('@media');
  it.each([
    { name: 'light', text: light },
    { name: 'dark', text: dark },
  ])('can be read on the ground of the $name page', ({ text }) => {
    const colours = new Map(
      [...text.matchAll(/--([\w-]+):(#[\da-f]{6})/g)].map(([, name = '', value = '']) => [name, value]),
    );
    const ground = luminance(colours.get('surface') ?? '');
    const written = [...colours].filter(([name]) => name !== 'surface' && name !== 'rule');
    expect(written.length).toBeGreaterThan(8);
    const faint = written.filter(([, value]) => {
      const [low = 0, high = 0] = [ground, luminance(value)].sort((a, b) => a - b);
      return (high + 0.05) / (low + 0.05) < 4.5; // WCAG 2.2, 1.4.3
    });
    expect(faint).toEqual([]);
  });
});

/** WCAG 2.2: relative luminance of `#rrggbb`. */
function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

describe('a picture that stands alone', () => {
  it('brings its title, its date and colours for light and dark', () => {
    const result = fixture();
    const plot = cpuPlot(result);
    const svg = plot === null ? '' : standaloneSvg(plot, pictureSubtitle(result));
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    for (const part of ['prefers-color-scheme:dark', '2026-01-02', 'role="img"', '<desc '])
      expect(svg).toContain(part);
  });
});
