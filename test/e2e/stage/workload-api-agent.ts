// An agent for e2e tests: our Workload API server on a Unix socket, with an authority behind it. Identities
// change when the test says so.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Authority, IssuedSvid } from '../../../certs/authority/authority.ts';
import type { WorkloadUpdate } from '../../../certs/workload-api/feed.ts';
import { serveWorkloadApi, type WorkloadApiServer } from '../../../certs/workload-api/server.ts';
import { dersOf, HeldFeed } from '../../unit/certs/workload-api/held-feed.ts';

export interface AgentOptions {
  readonly authority: Authority;
  readonly spiffeId: string;
  readonly ttlMs?: number;
  /** Who may open the socket; by default the user of the tests. */
  readonly uid?: number;
  readonly gid?: number;
}

/** What a rotation may change besides the SVID; it stays until the next one changes it. */
export interface Rotation {
  readonly authority?: Authority;
  readonly spiffeId?: string;
  readonly ttlMs?: number;
  /** Bundles of foreign trust domains, and the own one's further CAs under its own name: PEM. */
  readonly bundles?: Readonly<Record<string, string>>;
  /** DER. */
  readonly crls?: readonly Buffer[];
  /** Further SVIDs behind the first, by their hints. */
  readonly hints?: readonly string[];
}

/** One socket, for one workload. */
export class WorkloadApiAgent {
  readonly folder: string;
  /** The first SVID that the agent serves now. */
  svid: IssuedSvid;
  readonly #feed = new HeldFeed();
  readonly #user: { readonly uid: number; readonly gid: number };
  #said: Required<Rotation>;
  #server: WorkloadApiServer | undefined;

  private constructor(folder: string, options: AgentOptions, svid: IssuedSvid) {
    this.folder = folder;
    this.svid = svid;
    const { authority, spiffeId, ttlMs = 3_600_000 } = options;
    this.#said = { authority, spiffeId, ttlMs, bundles: {}, crls: [], hints: [] };
    this.#user = {
      uid: options.uid ?? process.getuid?.() ?? 0,
      gid: options.gid ?? process.getgid?.() ?? 0,
    };
  }

  /** An agent that serves a first SVID; `withdrawn`: one that has none yet. */
  static async start(options: AgentOptions, { withdrawn = false } = {}): Promise<WorkloadApiAgent> {
    const { authority, spiffeId } = options;
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-agent-'));
    const agent = new WorkloadApiAgent(folder, options, await authority.issue({ spiffeId }));
    if (!withdrawn) await agent.rotate();
    await agent.restart();
    return agent;
  }

  /** For `identity.workloadApi.socket` and SPIFFE_ENDPOINT_SOCKET. */
  get uri(): string {
    return `unix://${this.path}`;
  }

  get path(): string {
    return join(this.folder, 'workload', 'api.sock');
  }

  /** Open streams. */
  get streams(): number {
    return this.#feed.listeners;
  }

  /** A new SVID, with whatever else `changes`, to every stream at once. */
  async rotate(changes: Rotation = {}): Promise<IssuedSvid> {
    this.#said = { ...this.#said, ...changes };
    const { authority, spiffeId, ttlMs, hints } = this.#said;
    const issue = (): Promise<IssuedSvid> => authority.issue({ spiffeId, ttlMs });
    this.svid = await issue();
    const others = await Promise.all(hints.map(async (hint) => ({ svid: await issue(), hint })));
    this.#feed.set(this.#updateOf([{ svid: this.svid, hint: '' }, ...others]));
    return this.svid;
  }

  /** The workload has no identity any more: PermissionDenied. */
  withdraw(): void {
    this.#feed.set(null);
  }

  /** The agent is gone, and its socket with it. */
  async stop(): Promise<void> {
    await this.#server?.close();
    this.#server = undefined;
  }

  /** The agent comes back, and says what it said last. */
  async restart(): Promise<void> {
    await this.stop();
    this.#server = await serveWorkloadApi({
      directory: this.folder,
      name: 'workload',
      ...this.#user,
      feed: this.#feed,
    });
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #updateOf(svids: readonly { svid: IssuedSvid; hint: string }[]): WorkloadUpdate {
    const { authority, bundles, crls } = this.#said;
    const own = bundles[authority.trustDomain] ?? '';
    const foreign = Object.entries(bundles).filter(([name]) => name !== authority.trustDomain);
    return {
      svids: svids.map(({ svid, hint }) => ({
        spiffeId: svid.spiffeId.uri,
        chainDer: svid.chainDer,
        privateKeyPkcs8: dersOf(svid.privateKeyPem ?? '')[0] ?? Buffer.alloc(0),
        bundleDer: [...dersOf(authority.certificatePem), ...dersOf(own)],
        hint,
      })),
      federated: new Map(foreign.map(([name, pem]) => [name, dersOf(pem)])),
      crls,
    };
  }
}
