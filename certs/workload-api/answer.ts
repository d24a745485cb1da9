// What the Workload API server says to a call: a message for each update, or a status.
// @see SPIFFE Workload API section 5.2, SPIFFE Workload Endpoint sections 3 and 6
import type { IncomingHttpHeaders } from 'node:http2';
import { parseSpiffeId } from '../../core/spiffe-id.ts';
import { GRPC_HEADER_BYTES_MAX } from '../limits.ts';
import type { WorkloadUpdate } from './feed.ts';
import { GRPC, type GrpcStatus, headerListBytes, isGrpc } from './grpc-status.ts';
import { writeX509BundlesResponse, writeX509SvidResponse } from './messages.ts';

/** Makes the message of one method. */
export type Answer = (update: WorkloadUpdate) => Buffer;

/** How a call is answered, from its headers alone. */
export type Admission =
  | { readonly kind: 'stream'; readonly answer: Answer }
  | { readonly kind: 'status'; readonly status: GrpcStatus }
  /** Not gRPC. */
  | { readonly kind: 'http'; readonly status: number };

const METHODS: ReadonlyMap<string, Answer> = new Map([
  ['/SpiffeWorkloadAPI/FetchX509SVID', svidAnswer],
  ['/SpiffeWorkloadAPI/FetchX509Bundles', bundlesAnswer],
]);

export function admit(headers: IncomingHttpHeaders): Admission {
  const { ':method': method, ':path': path = '', 'content-type': type = '' } = headers;
  if (headerListBytes(headers) > GRPC_HEADER_BYTES_MAX) return { kind: 'http', status: 431 };
  if (method !== 'POST') return { kind: 'http', status: 405 };
  if (!isGrpc(type)) return { kind: 'http', status: 415 };
  // Against server-side request forgery: whoever can only make somebody fetch a URL cannot send this.
  if (headers['workload.spiffe.io'] !== 'true')
    return refuse(GRPC.invalidArgument, 'security header missing from request');
  const answer = METHODS.get(path);
  if (answer === undefined)
    return refuse(GRPC.unimplemented, 'only FetchX509SVID and FetchX509Bundles are served');
  const encoding = headers['grpc-encoding'] ?? 'identity';
  if (encoding !== 'identity') return refuse(GRPC.unimplemented, 'compression is not supported');
  return { kind: 'stream', answer };
}

/** What one without an identity is told. */
export const NO_IDENTITY: GrpcStatus = { code: GRPC.permissionDenied, message: 'no identity issued' };

const refuse = (code: number, message: string): Admission => ({ kind: 'status', status: { code, message } });

function svidAnswer({ svids, federated, crls }: WorkloadUpdate): Buffer {
  return writeX509SvidResponse({
    svids: svids.map(({ spiffeId, chainDer, privateKeyPkcs8, bundleDer, hint }) => ({
      spiffeId,
      x509Svid: Buffer.concat(chainDer),
      x509SvidKey: privateKeyPkcs8,
      bundle: Buffer.concat(bundleDer),
      hint,
    })),
    crls,
    federatedBundles: new Map(
      [...federated].map(([name, ders]) => [`spiffe://${name}`, Buffer.concat(ders)]),
    ),
  });
}

function bundlesAnswer({ svids, federated, crls }: WorkloadUpdate): Buffer {
  const own = svids.map(
    ({ spiffeId, bundleDer }) => [parseSpiffeId(spiffeId).trustDomain, bundleDer] as const,
  );
  return writeX509BundlesResponse({
    crls,
    bundles: new Map([...federated, ...own].map(([name, ders]) => [`spiffe://${name}`, Buffer.concat(ders)])),
  });
}
