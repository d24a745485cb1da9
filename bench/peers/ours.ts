// sallyport itself, from emitted JavaScript, with everything a production sidecar has on: metrics, the log
// of denials (on a pipe that the harness reads), flow records and 1,000 rules.
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ENTRY } from '../build.ts';
import type { Child } from '../child.ts';
import type { KeyPair } from '../pki.ts';
import { plainGet } from '../plain-http.ts';
import { processTree } from '../proc.ts';
import { authorizationPolicies, type BenchRule, benchRules } from '../rules.ts';
import type { Session } from '../session.ts';
import {
  NODE,
  OPENSSL_CONF,
  type Peer,
  type PeerSetup,
  type RunningPeer,
  versionOf,
  waitUntil,
} from './peer.ts';

export const RULES = 1_000;
const FAMILY = 'sallyport';

export const ours: Peer = build(FAMILY, ENTRY.emitted, RULES);

/** With so many rules. */
export function oursWith(rules: number): Peer {
  return build(`sallyport-${rules}`, ENTRY.emitted, rules);
}

/** Another build of sallyport, to compare with. */
export function baseline(entry: string): Peer {
  return build('baseline', entry, RULES);
}

function build(name: string, entry: string, rules: number): Peer {
  return {
    name,
    family: FAMILY,
    tls: true,
    rules: rules,
    knowsCallers: true,
    justInTime: true,
    version: () => `${versionOf(process.execPath, [entry, '--version'], [/(\S+)\s*$/])}, ${NODE}`,
    missing: missingOurs,
    start: async (setup) => startOurs(setup, await prepareOurs(setup, rules), entry),
  };
}

/** Starts `entry` and waits until it serves, alone. */
export async function startOurs(
  { session, profileDirectory }: PeerSetup,
  prepared: PreparedOurs,
  entry: string = ENTRY.emitted,
): Promise<RunningPeer> {
  const nodeArgs = profileDirectory === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDirectory}`];
  const child = launchOurs(session, prepared, { entry, nodeArgs, cpu: session.cpus?.proxy });
  await waitUntil(child, () => isReady(prepared), 'was not ready');
  // The loader process is of the start: its memory and time are not those of a proxy that serves.
  const alone = (): boolean => processTree(child.pid).length === 1;
  await waitUntil(child, async () => alone(), 'kept its loader process');
  return { port: prepared.port, child, verify: () => verifyOurs(prepared, child) };
}

/** Configuration, policies and ports of one sallyport. */
export interface PreparedOurs {
  readonly configuration: string;
  readonly policyDirectory: string;
  readonly port: number;
  readonly statusPort: number;
  readonly adminPort: number;
  readonly opensslConf: string;
}

/** Which workload it stands beside, and its one listener. */
export interface Side {
  readonly account: string;
  readonly pair: KeyPair;
  readonly opensslConf: string;
  /** The listener's keys besides name, address and protocol. */
  readonly listener: object;
}

/** Before the application. */
export function inbound({ pki, upstreamPort, http }: PeerSetup): Side {
  return {
    account: 'web',
    pair: pki.server,
    opensslConf: OPENSSL_CONF,
    listener: {
      mtls: 'strict',
      upstream: { address: `127.0.0.1:${upstreamPort}`, protocol: http === 'h2' ? 'h2c' : 'http1' },
      limits: { connectionsPerIdentity: 10_000 }, // the whole load is one caller
    },
  };
}

export function missingOurs(): string | null {
  const found = existsSync(ENTRY.emitted) || existsSync(ENTRY.source);
  return found ? null : `${ENTRY.emitted} is not there: run this from a checkout or the npm package`;
}

/** Writes the configuration and `rules` rules below a directory of its own. */
export async function prepareOurs(
  setup: PeerSetup,
  rules: number,
  side: Side = inbound(setup),
): Promise<PreparedOurs> {
  const { session, pki } = setup;
  const [port, statusPort, adminPort] = [
    await session.freePort(),
    await session.freePort(),
    await session.freePort(),
  ];
  const directory = join(session.directory, `sallyport-${port}`);
  const policyDirectory = join(directory, 'policies');
  mkdirSync(policyDirectory, { recursive: true });
  writePolicies({ policyDirectory }, benchRules(rules, setup.allowed), pki.namespace);
  const configuration = join(directory, 'sallyport.yaml');
  const address = (p: number): string => `127.0.0.1:${p}`;
  writeFileSync(
    configuration,
    JSON.stringify({
      workload: { namespace: pki.namespace, serviceAccount: side.account, labels: { app: side.account } },
      identity: {
        trustDomain: pki.trustDomain,
        files: {
          certificate: side.pair.certificate,
          key: side.pair.key,
          bundles: { [pki.trustDomain]: pki.authority },
        },
      },
      listeners: [{ name: 'listener', address: address(port), protocol: 'http', ...side.listener }],
      policy: { files: ['policies/'] },
      status: { address: address(statusPort) },
      admin: { address: address(adminPort) },
      log: { decisions: 'denied' },
      flows: { file: 'flows.jsonl', interval: '10s' },
      shutdown: { delay: '0s', drain: '1s' },
    }),
  );
  return { configuration, policyDirectory, port, statusPort, adminPort, opensslConf: side.opensslConf };
}

/** Writes each policy file beside the folder and moves it in, so that the watcher never sees half a file. */
export function writePolicies(
  where: Pick<PreparedOurs, 'policyDirectory'>,
  rules: readonly BenchRule[],
  namespace: string,
): void {
  for (const [name, text] of authorizationPolicies(rules, namespace)) {
    const beside = `${where.policyDirectory}.${name}.new`;
    writeFileSync(beside, text);
    renameSync(beside, join(where.policyDirectory, name));
  }
}

export function launchOurs(
  session: Session,
  prepared: PreparedOurs,
  options: {
    readonly entry?: string;
    readonly nodeArgs?: readonly string[];
    readonly cpu?: string | undefined;
    readonly ipc?: boolean;
  },
): Child {
  return session.start({
    name: 'sallyport',
    command: process.execPath,
    args: [
      // As the image and the systemd unit start it.
      `--openssl-config=${prepared.opensslConf}`,
      '--max-semi-space-size=2',
      ...(options.nodeArgs ?? []),
      options.entry ?? ENTRY.emitted,
      'proxy',
      '--config',
      prepared.configuration,
    ],
    cpu: options.cpu,
    ipc: options.ipc ?? false,
  });
}

export async function isReady(prepared: PreparedOurs): Promise<boolean> {
  return (await plainGet(prepared.statusPort, '/readyz'))?.status === 200;
}

/** After one denied request: are metrics, flows and the log of denials really on? */
async function verifyOurs(prepared: PreparedOurs, child: Child): Promise<string | null> {
  const metrics = await plainGet(prepared.statusPort, '/metrics');
  if (!metrics?.body.includes('sallyport_requests_total')) return '/metrics has no sallyport_requests_total';
  const flows = await plainGet(prepared.adminPort, '/flows');
  if (flows?.status !== 200) return `/flows answers ${flows?.status ?? 'nothing'}`;
  await waitUntil(child, async () => child.tail.includes('default-deny'), 'did not log the denied request');
  return null;
}
