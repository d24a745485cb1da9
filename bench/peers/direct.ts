// No proxy: plaintext from the load to the application. Its latency is the floor of the harness itself.
import type { Peer } from './peer.ts';

export const direct: Peer = {
  name: 'direct',
  tls: false,
  rules: 0,
  knowsCallers: false,
  justInTime: false,
  version: () => '-',
  missing: () => null,
  start: async ({ upstreamPort }) => ({ port: upstreamPort, child: null }),
};
