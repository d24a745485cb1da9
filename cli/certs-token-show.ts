// What `sallyport certs token` shows on a terminal: the token, and what to do with it on the machine of the
// workload. Everything can be pasted as it is.
import { hostname } from 'node:os';
import type { IssuerConfig } from '../core/issuer-config/config.ts';
import type { TrustDomain } from '../core/spiffe-id.ts';
import { fromNow } from './certs-admin.ts';
import type { Io } from './io.ts';
import { paint } from './paint.ts';

/** A join token as it was made. */
export interface ShownToken {
  readonly token: string;
  readonly spiffeId: string;
  readonly trustDomain: TrustDomain;
  /** RFC 3339. */
  readonly expiresAt: string;
  /** `host:port` as workloads reach the issuer. */
  readonly issuer: string;
}

const DEFAULT_PORT = 8_444;
const EVERY_ADDRESS: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/**
 * Where workloads find the issuer: its address where it listens on one, else the name of this machine.
 * Without a configuration the port is the default one.
 */
export function issuerAddress(config: IssuerConfig | null, machine = hostname()): string {
  const { host, port } = config?.listen.address ?? { host: '0.0.0.0', port: DEFAULT_PORT };
  const name = EVERY_ADDRESS.has(host) ? machine : host;
  return `${name.includes(':') ? `[${name}]` : name}:${port === 0 ? DEFAULT_PORT : port}`;
}

/** The token, a command for programs that read files, and YAML for a proxy. */
export function showToken(io: Io, shown: ShownToken): void {
  const { token, spiffeId, trustDomain, expiresAt, issuer } = shown;
  const until = `${expiresAt}, ${fromNow(Date.parse(expiresAt), Date.now())}`;
  const green = (lines: readonly string[]): void => {
    for (const line of lines) io.out(`  ${paint(io, 'green', line)}\n`);
  };
  io.out(`join token of ${paint(io, 'bold', spiffeId)}, for one use until ${until}\n\n`);
  io.out('on the machine of the workload, where no other user can read it:\n\n');
  // `printf` is part of the shell: what is on a command line of a program, everybody on the machine sees.
  green([`(umask 077; printf '%s\\n' ${token} > join-token)`]);
  io.out('\nthen either keep files new for any program:\n\n');
  green([
    `sallyport certs client --issuer ${issuer} --trust-domain ${trustDomain} \\`,
    '  --join-token-file join-token --out svid',
  ]);
  io.out('\nor let a sallyport proxy fetch its own, in its configuration:\n\n');
  green([
    'identity:',
    `  trustDomain: ${trustDomain}`,
    `  issuer: { address: "${issuer}", state: issuer-state, joinTokenFile: join-token }`,
  ]);
  io.out(`\nif \`${issuer}\` is not how that machine reaches the issuer, change it\n`);
}
