// A stage for one e2e test file: a folder with a CA, SVIDs, policies and a configuration, and the real entry
// point on it.
// Everything it starts it also ends.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Authority, createAuthority } from '../../../certs/authority/authority.ts';
import type { IssueRequest } from '../../../certs/authority/certificate-profile.ts';
import { freePorts } from '../../../core/free-ports.ts';

const ENTRY = new URL('../../../cli/main.ts', import.meta.url).pathname;
const READY_MS_MAX = 20_000;

/** Paths of one issued SVID. */
export interface SvidFiles {
  readonly certificate: string;
  readonly key: string;
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** What a configuration of a test differs in; YAML text, merged by appending under its key. */
export interface StageOptions {
  /** YAML of the `identity` block. Default: the stage's server SVID and CA. */
  readonly identity?: string;
  /** YAML of the one listener's keys besides name, address and upstream. */
  readonly listener?: string;
  /** YAML of the `policy` block besides files. */
  readonly policy?: string;
  /** Whole top-level blocks (`log: {…}`). Default: all decisions logged, no shutdown delay. */
  readonly blocks?: string;
  /** `limits` etc. of the upstream: YAML flow mapping entries, e.g. `connectTimeout: 200ms`. */
  readonly upstream?: string;
  readonly upstreamPort?: number;
  /** True for a listener whose requests name their destination. */
  readonly egress?: boolean;
  readonly policies?: Readonly<Record<string, string>>;
  /** `ulimit -n` of the proxy. Default: this process's own. */
  readonly descriptors?: number;
}

/** One ALLOW for everybody of the own trust domain; enough for tests of the data path. */
export const ALLOW_MESH = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: mesh, namespace: shop }
spec:
  action: ALLOW
  rules: [{ from: [{ source: { principals: ["example.org/*"] } }] }]
`;

/** One ALLOW for everybody, also without an identity. */
export const ALLOW_ALL = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: all, namespace: shop }
spec: { action: ALLOW, rules: [{}] }
`;

const IDENTITY = `trustDomain: example.org
files: { certificate: server.pem, key: server.key, bundles: { example.org: ca.pem } }`;

/** A folder, a CA, and configuration files in it. */
export class Stage {
  readonly folder: string;
  readonly authority: Authority;
  readonly port: number;
  readonly statusPort: number;
  readonly adminPort: number;
  /** Service account of the workload, in namespace shop. */
  readonly account: string;
  private readonly running = new Set<RunningProxy>();

  private constructor(folder: string, authority: Authority, account: string, ports: readonly number[]) {
    this.folder = folder;
    this.authority = authority;
    this.account = account;
    this.port = ports[0] ?? 0;
    this.statusPort = ports[1] ?? 0;
    this.adminPort = ports[2] ?? 0;
  }

  /** `authority`: that of another stage, for proxies that talk to each other. */
  static async create(of: { authority?: Authority; account?: string } = {}): Promise<Stage> {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-e2e-'));
    const authority = of.authority ?? (await createAuthority({ trustDomain: 'example.org' }));
    const stage = new Stage(folder, authority, of.account ?? 'cart', await freePorts(3));
    writeFileSync(join(folder, 'ca.pem'), authority.certificatePem);
    mkdirSync(join(folder, 'policies'));
    await stage.svid('server', `spiffe://example.org/ns/shop/sa/${stage.account}`);
    return stage;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  write(name: string, text: string): string {
    const path = this.path(name);
    writeFileSync(path, text);
    return path;
  }

  /** Issues an SVID into `<name>.pem` and `<name>.key`, by the stage's CA unless another is given. */
  async svid(
    name: string,
    spiffeId: string,
    options: { authority?: Authority } & Partial<IssueRequest> = {},
  ): Promise<SvidFiles> {
    const { authority = this.authority, ...request } = options;
    const issued = await authority.issue({ dnsNames: ['localhost'], ...request, spiffeId });
    const keyPem = issued.privateKeyPem ?? '';
    return {
      certificate: this.write(`${name}.pem`, issued.chainPem),
      key: this.write(`${name}.key`, keyPem),
      certificatePem: issued.chainPem,
      keyPem,
    };
  }

  /** Writes the configuration and the policies, and returns the configuration's path. */
  configure(options: StageOptions = {}): string {
    for (const [name, text] of Object.entries(options.policies ?? { 'mesh.yaml': ALLOW_MESH }))
      this.write(`policies/${name}`, text);
    const blocks = options.blocks ?? 'log: { decisions: all }\nshutdown: { delay: 0s, drain: 5s }';
    const more = options.upstream === undefined ? '' : `, ${options.upstream}`;
    const upstream = `upstream: { address: "127.0.0.1:${options.upstreamPort ?? 1}"${more} }`;
    return this.write(
      'sallyport.yaml',
      `workload: { namespace: shop, serviceAccount: ${this.account}, labels: { app: ${this.account} } }
identity:
${indent(options.identity ?? IDENTITY, 2)}
listeners:
  - name: inbound
    address: 127.0.0.1:${this.port}
    ${options.egress === true ? 'protocol: http-proxy' : upstream}
${indent(options.listener ?? '', 4)}
policy:
  files: [policies/]
${indent(options.policy ?? '', 2)}
status: { address: 127.0.0.1:${this.statusPort} }
admin: { address: 127.0.0.1:${this.adminPort} }
${blocks}
`,
    );
  }

  /** Starts `sallyport proxy` and waits until it is ready. */
  async start(options: StageOptions = {}): Promise<RunningProxy> {
    const proxy = this.launch(options);
    await proxy.line((line) => line['msg'] === 'ready', READY_MS_MAX);
    return proxy;
  }

  /** Starts `sallyport proxy` and waits for nothing. */
  launch(options: StageOptions = {}): RunningProxy {
    const config = this.configure(options);
    const { descriptors } = options;
    const [command, args] =
      descriptors === undefined
        ? [process.execPath, []]
        : ['sh', ['-c', `ulimit -n ${descriptors}; exec "$0" "$@"`, process.execPath]];
    const proxy = new RunningProxy(
      spawn(command, [...args, ENTRY, 'proxy', '--config', config], { stdio: 'pipe' }),
    );
    this.running.add(proxy);
    return proxy;
  }

  /** Ends every process and removes the folder. */
  async close(): Promise<void> {
    await Promise.all([...this.running].map((proxy) => proxy.kill()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** One parsed line of the proxy's output. */
export type LogLine = Readonly<Record<string, unknown>>;

/** A `sallyport proxy` process and what it printed. */
export class RunningProxy {
  readonly child: ChildProcess;
  readonly lines: LogLine[] = [];
  stderr = '';
  exitCode: number | null = null;
  private readonly waiting = new Set<() => void>();
  private partial = '';

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => this.take(text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    child.on('exit', (code) => {
      this.exitCode = code ?? -1;
      for (const wake of this.waiting) wake();
    });
  }

  /** The first line, already printed or still to come, that `wanted` accepts. */
  async line(wanted: (line: LogLine) => boolean, timeoutMs = 10_000): Promise<LogLine> {
    const untilMs = performance.now() + timeoutMs;
    for (let seen = 0; ; ) {
      for (; seen < this.lines.length; seen++) {
        const line = this.lines[seen];
        if (line !== undefined && wanted(line)) return line;
      }
      const leftMs = untilMs - performance.now();
      if (this.exitCode !== null || leftMs <= 0)
        throw new Error(
          `no such line (exit ${this.exitCode}); stderr: ${this.stderr}; lines: ${JSON.stringify(this.lines.slice(-5))}`,
        );
      await this.more(leftMs);
    }
  }

  /** Decision log lines about HTTP requests. */
  decisions(): LogLine[] {
    return this.lines.filter((line) => 'verdict' in line && 'http' in line);
  }

  signal(name: 'SIGTERM' | 'SIGKILL' | 'SIGINT'): void {
    this.child.kill(name);
  }

  async exited(): Promise<number> {
    if (this.exitCode === null) await once(this.child, 'exit');
    return this.exitCode ?? -1;
  }

  async kill(): Promise<void> {
    if (this.exitCode !== null) return;
    this.signal('SIGKILL');
    await this.exited();
  }

  private take(text: string): void {
    const parts = (this.partial + text).split('\n');
    this.partial = parts.pop() ?? '';
    for (const part of parts) this.lines.push(JSON.parse(part) as LogLine);
    for (const wake of this.waiting) wake();
  }

  private more(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, timeoutMs);
      this.waiting.add(wake);
    });
  }
}

function indent(text: string, spaces: number): string {
  return text === '' ? '' : text.replaceAll(/^/gm, ' '.repeat(spaces));
}
