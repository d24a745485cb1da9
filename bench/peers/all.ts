// Every peer by name, in the order of the table.
import { bareTls } from './bare-tls.ts';
import { direct } from './direct.ts';
import { envoy1, envoy1000 } from './envoy.ts';
import { haproxy } from './haproxy.ts';
import { nginx } from './nginx.ts';
import { nodeHttpsHttpProxy } from './node-https-http-proxy.ts';
import { nodeHttpsUndici } from './node-https-undici.ts';
import { ours } from './ours.ts';
import type { Peer } from './peer.ts';
import { rawRelay } from './raw-relay.ts';

/** The proxies, and no proxy. */
export const PROXIES: readonly Peer[] = [
  ours,
  haproxy,
  nginx,
  envoy1,
  envoy1000,
  rawRelay,
  nodeHttpsUndici,
  nodeHttpsHttpProxy,
  direct,
];

/** Those that a quick run has time for. */
export const QUICK_PROXIES: readonly Peer[] = [ours, haproxy, nginx, envoy1, envoy1000];

/** What `--peers` may name. */
export const PEER_NAMES: readonly string[] = [
  ...new Set([...PROXIES, bareTls].flatMap(({ name, family = name }) => [name, family])),
];
