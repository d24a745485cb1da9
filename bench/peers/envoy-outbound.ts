// Envoy as the application's outbound proxy: the server's SPIFFE ID is matched, as Istio's sidecar does. Its
// one rule names method and path; the caller is whoever is on loopback.
import { benchRules, envoyRbac } from '../rules.ts';
import { commonTls, envoy1, startEnvoy, staticResources, TYPES } from './envoy.ts';
import type { OutboundPeer } from './outbound.ts';
import type { PeerSetup } from './peer.ts';

export const envoyOutbound: OutboundPeer = {
  inbound: envoy1,
  verifies: 'SPIFFE ID',
  start: (setup, next) =>
    startEnvoy(setup, 'envoy-outbound', (port) =>
      staticResources({
        port,
        policies: envoyRbac(benchRules(1, setup.allowed), 'any'),
        upstreamPort: next,
        upstreamTls: upstreamTls(setup),
        http: setup.http,
      }),
    ),
};

function upstreamTls({ pki, http }: PeerSetup): object {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': `${TYPES}.transport_sockets.tls.v3.UpstreamTlsContext`,
      sni: 'localhost',
      max_session_keys: 0, // no resumption
      common_tls_context: commonTls(
        pki.client,
        {
          trusted_ca: { filename: pki.authority },
          match_typed_subject_alt_names: [
            { san_type: 'URI', matcher: { exact: `spiffe://${pki.serverPrincipal}` } },
          ],
        },
        http,
      ),
    },
  };
}
