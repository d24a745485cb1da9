// sallyport as the application's outbound proxy: as much on as inbound, and the same 1,000 rules judge what
// its own workload asks.
import { ours, prepareOurs, RULES, startOurs } from './ours.ts';
import { clientOpensslConf, type OutboundPeer } from './outbound.ts';

export const oursOutbound: OutboundPeer = {
  inbound: ours,
  verifies: 'SPIFFE ID',
  async start(setup, port) {
    const { pki, session } = setup;
    const side = {
      account: 'caller',
      pair: pki.client,
      opensslConf: clientOpensslConf(session),
      listener: {
        direction: 'outbound',
        upstream: {
          address: `127.0.0.1:${port}`,
          tls: 'mutual',
          peers: [`spiffe://${pki.serverPrincipal}`],
        },
      },
    };
    return startOurs(setup, await prepareOurs(setup, RULES, side));
  },
};
