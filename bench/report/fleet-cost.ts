// What a proxy beside everything costs: cores and memory of 1,000 sidecars, by the rate each of them serves.
// Computed from one measured sidecar; a thousand were not started.
import type { Reading } from '../points.ts';
import type { Point } from '../result.ts';
import type { Table } from '../table.ts';
import { cell, grouped, type HasPoints, pointsOf, rssMb, scaled, summaryOf } from './figures.ts';

const SIDECARS = 1_000;
const RATES = [10, 100, 1_000] as const;
const MB_PER_GB = 1_024;

const cpuShare: Reading = (sample) => sample.cpuShare;

/** A row per `wanted` peer, from the scenario `latency`; null when none of the rates was measured. */
export function fleetCost(result: HasPoints, wanted: (peer: string) => boolean = () => true): Table | null {
  const points = pointsOf(result, 'latency').filter(
    (point) => wanted(point.peer) && summaryOf(point, cpuShare) !== null,
  );
  const rates = RATES.filter((rate) => points.some(({ x }) => x === rate));
  if (rates.length === 0) return null;
  const peers = [...new Set(points.map(({ peer }) => peer))];
  return {
    title: `${grouped(SIDECARS)} sidecars (one measured, times ${grouped(SIDECARS)}), each at this many requests/s`,
    columns: ['peer', ...rates.flatMap((rate) => [`${grouped(rate)}/s: cores`, 'GB'])],
    rows: peers.map((peer) => [
      peer,
      ...rates.flatMap((rate) => cost(points.find((point) => point.peer === peer && point.x === rate))),
    ]),
  };
}

function cost(point: Point | undefined): string[] {
  const cores = scaled(summaryOf(point, cpuShare), SIDECARS);
  const gb = scaled(summaryOf(point, rssMb), SIDECARS / MB_PER_GB);
  return [cell(cores), cell(gb)];
}
