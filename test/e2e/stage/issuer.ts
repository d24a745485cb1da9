// A stage with one issuer: its folder, its configuration, `sallyport certs serve` on it, and the operator's
// side.
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AdminAnswer, askAdmin, askAdminLines } from '../../../certs/issuer/admin/client.ts';
import { freePorts } from '../../../core/free-ports.ts';
import { type Printed, runCli } from '../../unit/cli/run-cli.ts';
import { askIssuer, type IssuerAnswer, makeCsr, textOf } from './issuer-requests.ts';
import { RunningProxy } from './stage.ts';

const ENTRY = new URL('../../../cli/main.ts', import.meta.url).pathname;
const READY_MS_MAX = 20_000;

/** An SVID that was issued, with its key. */
export interface HeldSvid {
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly serial: string;
  readonly answer: IssuerAnswer;
}

export const WEB = 'spiffe://example.org/ns/shop/sa/web';

/** One issuer. */
export class IssuerStage {
  readonly folder: string;
  readonly trustDomain: string;
  readonly port: number;
  readonly statusPort: number;
  readonly #running = new Set<RunningProxy>();

  private constructor(folder: string, trustDomain: string, ports: readonly number[]) {
    this.folder = folder;
    this.trustDomain = trustDomain;
    this.port = ports[0] ?? 0;
    this.statusPort = ports[1] ?? 0;
  }

  /** `blocks`: YAML after trust domain, secret and addresses. */
  static async create(blocks = '', trustDomain = 'example.org'): Promise<IssuerStage> {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-issuer-'));
    chmodSync(folder, 0o755); // sockets in it are for other users too
    const stage = new IssuerStage(folder, trustDomain, await freePorts(2));
    writeFileSync(join(folder, 'issuer.secret'), 'a secret of the tests, long enough\n', { mode: 0o600 });
    stage.configure(blocks);
    return stage;
  }

  get state(): string {
    return join(this.folder, 'state');
  }

  get socket(): string {
    return join(this.state, 'admin.sock');
  }

  configure(blocks: string): void {
    writeFileSync(
      join(this.folder, 'issuer.yaml'),
      `trustDomain: ${this.trustDomain}
secretFile: issuer.secret
listen: { address: "127.0.0.1:${this.port}" }
status: { address: "127.0.0.1:${this.statusPort}" }
${blocks}
`,
    );
  }

  /** Starts the issuer and waits until it is ready. */
  async start(): Promise<RunningProxy> {
    const args = [ENTRY, 'certs', 'serve', '--config', 'issuer.yaml'];
    const process_ = new RunningProxy(spawn(process.execPath, args, { stdio: 'pipe', cwd: this.folder }));
    this.#running.add(process_);
    await process_.line((line) => line['msg'] === 'ready', READY_MS_MAX);
    return process_;
  }

  /** Ends what runs. */
  async stop(): Promise<void> {
    await Promise.all([...this.#running].map((one) => one.kill()));
  }

  /** Ends what runs, and starts it again. */
  async restart(): Promise<RunningProxy> {
    await this.stop();
    return this.start();
  }

  /** `sallyport ARGS` in the folder. */
  cli(...args: readonly string[]): Promise<Printed> {
    return runCli(this.folder, args);
  }

  admin(path: string, body?: object): Promise<AdminAnswer> {
    return askAdmin(this.socket, body === undefined ? { path } : { path, body });
  }

  async adminLines(path: string): Promise<AdminAnswer[]> {
    const lines: AdminAnswer[] = [];
    for await (const line of askAdminLines(this.socket, { path })) lines.push(line);
    return lines;
  }

  async token(spiffeId: string, more: object = {}): Promise<string> {
    return (await this.admin('/v1/join-tokens', { spiffeId, ...more })).text('token');
  }

  ask(path: string, body?: string | object, svid?: HeldSvid): Promise<IssuerAnswer> {
    return askIssuer({ port: this.port, path, ...(body !== undefined && { body }), ...(svid && { svid }) });
  }

  /** A first SVID by a join token of its own. */
  async svid(spiffeId = WEB): Promise<HeldSvid> {
    return this.svidFor({ joinToken: await this.token(spiffeId) });
  }

  /** An SVID for an attestation, or by renewal of `held`. @throws when it is refused */
  async svidFor(attestation: object, held?: HeldSvid): Promise<HeldSvid> {
    const { csr, keyPem } = await makeCsr();
    const answer = await this.ask('/v1/svid', { csr, ...attestation }, held);
    return { certificatePem: textOf(answer, 'svid'), keyPem, serial: textOf(answer, 'serial'), answer };
  }

  /** The page of the status address. */
  async status(path: string): Promise<{ status: number; text: string }> {
    const response = await fetch(`http://127.0.0.1:${this.statusPort}${path}`, {
      headers: { connection: 'close' },
    });
    return { status: response.status, text: await response.text() };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#running].map((one) => one.kill()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
