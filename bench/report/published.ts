// What others publish about their proxies, with their conditions. None of it was measured by this harness or
// on this machine; it is listed so that a reader need not look it up, and cannot mistake it.
import type { Table } from '../table.ts';

export interface PublishedFigure {
  readonly proxy: string;
  readonly version: string;
  readonly figure: string;
  readonly conditions: string;
  readonly source: string;
  /** Of the page; of the release it names when the page has none. */
  readonly date: string;
}

export const PUBLISHED_HEADING = 'Published by others, not measured here';
export const PUBLISHED_WARNING =
  'Other machines, other loads, other versions: these figures were not measured by this harness and do not ' +
  'compare with those above. They are quoted from the pages that are named.';

const ISTIO = {
  version: 'Istio 1.24',
  conditions: '1,000 HTTP requests/s with 1 KB of payload',
  source: 'https://istio.io/latest/docs/ops/deployment/performance-and-scalability/',
  date: '2024-11 (release 1.24)',
} as const;

const LINKERD_2021 = {
  version: 'Linkerd 2.11.1',
  source: 'https://linkerd.io/2021/11/29/linkerd-vs-istio-benchmarks-2021/',
  date: '2021-11-29',
} as const;
const EMOJIVOTO = '2,000 requests/s over a small application of several meshed services, Xeon 4214 servers';

export const PUBLISHED: readonly PublishedFigure[] = [
  { proxy: 'ztunnel', figure: 'about 0.06 vCPU and 12 MB', ...ISTIO },
  {
    proxy: 'Istio sidecar (Envoy), 2 worker threads',
    figure: 'about 0.20 vCPU and 60 MB',
    ...ISTIO,
  },
  {
    proxy: 'Istio waypoint (Envoy), 2 worker threads',
    figure: 'about 0.25 vCPU and 60 MB',
    ...ISTIO,
  },
  {
    proxy: 'linkerd2-proxy',
    figure: 'at most 26.3 MB (mean of the runs)',
    conditions: EMOJIVOTO,
    ...LINKERD_2021,
  },
  {
    proxy: 'linkerd2-proxy, all hops of the application',
    figure: 'added latency: median 6 ms, maximum 42 ms',
    conditions: EMOJIVOTO,
    ...LINKERD_2021,
  },
  {
    proxy: 'Istio sidecar (Envoy), all hops of the application',
    figure: 'at most 156.2 MB; added latency: median 17 ms, maximum about 350 ms',
    conditions: EMOJIVOTO,
    ...LINKERD_2021,
    version: 'Istio 1.12.0',
  },
];

/** The figures as a table. */
export function publishedTable(): Table {
  return {
    title: 'As their own pages say',
    columns: ['proxy', 'version', 'figure', 'conditions', 'source', 'date'],
    rows: PUBLISHED.map(({ proxy, version, figure, conditions, source, date }) => [
      proxy,
      version,
      figure,
      conditions,
      source,
      date,
    ]),
  };
}
