// What the tables of closed loops show.
import { envoy1 } from '../peers/envoy.ts';
import { haproxy } from '../peers/haproxy.ts';
import { type Column, cpuOf, median, range, ratioTo } from '../points.ts';

/** Of a closed loop: what the proxy does when it is never idle. */
export const LOAD_COLUMNS: readonly Column[] = [
  median('CPU us/req', cpuOf),
  range(cpuOf),
  ratioTo(haproxy.name, cpuOf),
  ratioTo(envoy1.name, cpuOf),
  median(
    'CPU %',
    ({ cpuShare }) => cpuShare,
    (share) => (share * 100).toFixed(0),
  ),
  median(
    'req/s',
    (sample) => sample.requestsPerSecond,
    (n) => n.toFixed(0),
  ),
  median(
    'MB/s',
    (sample) => sample.bytesPerSecond,
    (bytes) => (bytes / 1e6).toFixed(1),
  ),
  median(
    'p50 us',
    ({ latencyUs }) => latencyUs.p50,
    (us) => us.toFixed(0),
  ),
  median(
    'p99 us',
    ({ latencyUs }) => latencyUs.p99,
    (us) => us.toFixed(0),
  ),
  median(
    'RSS MB',
    ({ rssMb }) => rssMb,
    (mb) => mb.toFixed(0),
  ),
  median(
    'PSS MB',
    ({ pssMb }) => pssMb,
    (mb) => mb.toFixed(0),
  ),
  median(
    'load CPU %',
    ({ generator }) => generator.cpuShare,
    (share) => (share * 100).toFixed(0),
  ),
];
