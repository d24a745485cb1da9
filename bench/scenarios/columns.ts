// The columns that several tables have.
import { envoy1 } from '../peers/envoy.ts';
import { haproxy } from '../peers/haproxy.ts';
import { type Column, cpuOf, median, type Reading, range, ratioTo } from '../points.ts';

const whole = (name: string, reading: Reading): Column => median(name, reading, (value) => value.toFixed(0));
const percent = (name: string, reading: Reading): Column =>
  median(name, reading, (share) => (share * 100).toFixed(0));

export const P50 = whole('p50 us', ({ latencyUs }) => latencyUs.p50);
export const P99 = whole('p99 us', ({ latencyUs }) => latencyUs.p99);
export const RATE = whole('req/s', (sample) => sample.requestsPerSecond);
export const RSS = whole('RSS MB', ({ rssMb }) => rssMb);
/** What the load had left. */
export const LOAD_CPU = percent('load CPU %', ({ generator }) => generator.cpuShare);

/** Of a closed loop: what the proxy does when it is never idle. */
export const LOAD_COLUMNS: readonly Column[] = [
  median('CPU us/req', cpuOf),
  range(cpuOf),
  ratioTo(haproxy.name, cpuOf),
  ratioTo(envoy1.name, cpuOf),
  percent('CPU %', ({ cpuShare }) => cpuShare),
  RATE,
  median(
    'MB/s',
    (sample) => sample.bytesPerSecond,
    (bytes) => (bytes / 1e6).toFixed(1),
  ),
  P50,
  P99,
  RSS,
  whole('PSS MB', ({ pssMb }) => pssMb),
  LOAD_CPU,
];
