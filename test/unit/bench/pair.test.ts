// What the rounds of the pairs say about the bounds.
import { describe, expect, it } from 'vitest';
import type { Point, Sample } from '../../../bench/result.ts';
import { pairClaims } from '../../../bench/scenarios/pair.ts';

const sample = (cpu: number | null, p95: number, lateUsP99: number | null): Sample => ({
  cpuUsPerRequest: cpu,
  cpuShare: null,
  requestsPerSecond: 1_000,
  bytesPerSecond: 1e6,
  latencyUs: { p50: p95, p90: p95, p95, p99: p95, p999: p95, max: p95 },
  rssMb: null,
  pssMb: null,
  generator: { cpuShare: 0.3, lateUsP99 },
});
const cpu = (peer: string, variant: string, us: readonly number[]): Point => ({
  peer,
  variant,
  x: null,
  rounds: us.map((one) => sample(one, 100, null)),
});
const open = (peer: string, p95: readonly number[], lateUs = 100): Point => ({
  peer,
  variant: '1,000/s',
  x: 1_000,
  rounds: p95.map((us) => sample(null, us, lateUs)),
});

const POINTS = [
  cpu('sallyport', 'outbound', [40, 42, 41]),
  cpu('sallyport', 'inbound', [70, 72, 71]),
  cpu('haproxy', 'outbound', [30, 30, 30]),
  cpu('haproxy', 'inbound', [35, 35, 35]),
  open('direct', [200, 200, 200]),
  open('sallyport', [900, 950, 1_000]),
  open('haproxy', [700, 700, 700]),
];

describe('pairClaims', () => {
  it('each role has a figure of its own, in its own ratio', () => {
    const [outbound, inbound, added] = pairClaims(POINTS, 3);
    expect(outbound).toMatchObject({ verdict: 'holds', measured: { median: 41 / 30 } });
    expect(inbound).toMatchObject({ verdict: 'does not hold', measured: { median: 71 / 35 } });
    expect(added).toMatchObject({ verdict: 'holds', measured: { median: 0.75 } });
  });

  it.each([
    { name: 'haproxy', lost: [0, 1] },
    { name: 'direct', lost: [2] },
    { name: 'sallyport', lost: [0, 1, 2] },
  ])('without $name what compares with it is not measured', ({ name, lost }) => {
    const claims = pairClaims(
      POINTS.filter(({ peer }) => peer !== name),
      3,
    );
    claims.forEach(({ verdict }, i) => {
      if (lost.includes(i)) expect(verdict).toBe('not measured');
      else expect(verdict).not.toBe('not measured');
    });
  });

  it('a load that woke late shows nothing', () => {
    const late = [
      ...POINTS.filter(({ peer, variant }) => peer !== 'direct' || variant === ''),
      open('direct', [200], 50_000),
    ];
    expect(pairClaims(late, 3)[2]).toMatchObject({
      verdict: 'not measured',
      figure: 'the load itself woke too late',
    });
  });

  it('a round that failed leaves it unclear', () => {
    const [outbound] = pairClaims(POINTS, 5);
    expect(outbound).toMatchObject({ verdict: 'unclear' });
  });
});
