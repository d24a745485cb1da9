// The floor as the application's outbound proxy: raw sockets, mutual TLS to a server known by its host name.
import { startNodeProcess } from './node-process.ts';
import { clientOpensslConf, type OutboundPeer } from './outbound.ts';
import { rawRelay } from './raw-relay.ts';

export const rawRelayOutbound: OutboundPeer = {
  inbound: rawRelay,
  verifies: 'host name',
  start: (setup, next) =>
    startNodeProcess(setup, 'raw-relay-outbound', {
      upstreamPort: next,
      pair: setup.pki.client,
      opensslConf: clientOpensslConf(setup.session),
    }),
};
