// A real Kubernetes API server with its etcd, in a folder of its own: service accounts, pods and their
// tokens.
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Authority, createAuthority } from '../../../certs/authority/authority.ts';
import { encodeName } from '../../../certs/authority/build-certificate.ts';
import { freePorts } from '../../../core/free-ports.ts';
import { findCommand } from '../../requirements.ts';
import { Daemon } from './daemon.ts';
import { eventually } from './observe.ts';

const START_MS_MAX = 60_000;

/** An answer of the API server. */
interface ApiAnswer {
  readonly status: number;
  readonly json: Record<string, unknown>;
}

/** One running control plane without controllers: what is not made by hand is not there. */
export class KubernetesApi {
  readonly folder: string;
  readonly port: number;
  readonly #daemons: Daemon[] = [];
  #administrator: { readonly cert: string; readonly key: string } = { cert: '', key: '' };

  private constructor(folder: string, port: number) {
    this.folder = folder;
    this.port = port;
  }

  static async start(): Promise<KubernetesApi> {
    const [etcdPort = 0, peerPort = 0, port = 0] = await freePorts(3);
    const api = new KubernetesApi(mkdtempSync(join(tmpdir(), 'sallyport-kubernetes-')), port);
    try {
      await api.#writeKeys();
      await api.#startEtcd(etcdPort, peerPort);
      await api.#startServer(etcdPort);
    } catch (error) {
      await api.close();
      throw error;
    }
    return api;
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** As the administrator. */
  call(method: string, path: string, body?: object): Promise<ApiAnswer> {
    const text = body === undefined ? '' : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
      const options = { method, headers, agent: false, rejectUnauthorized: false, ...this.#administrator };
      const asked = request(new URL(path, this.url), options, (response) => {
        let said = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          said += chunk;
        });
        response.on('end', () => {
          const json = said.startsWith('{') ? (JSON.parse(said) as Record<string, unknown>) : {};
          resolve({ status: response.statusCode ?? 0, json });
        });
      });
      asked.on('error', reject);
      asked.end(text);
    });
  }

  /** Makes something, or fails. */
  async create(path: string, body: object): Promise<Record<string, unknown>> {
    const { status, json } = await this.call('POST', path, body);
    if (status !== 201) throw new Error(`${path}: ${status} ${JSON.stringify(json)}`);
    return json;
  }

  async serviceAccount(namespace: string, name: string): Promise<void> {
    await this.call('POST', '/api/v1/namespaces', { metadata: { name: namespace } });
    await this.create(`/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name } });
  }

  /** A token as the kubelet asks for it. */
  async token(namespace: string, name: string, spec: object): Promise<string> {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
    const made = await this.create(path, { spec });
    return String(Reflect.get(Object(made['status']), 'token'));
  }

  async close(): Promise<void> {
    for (const daemon of this.#daemons.reverse()) await daemon.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #write(name: string, text: string): void {
    writeFileSync(this.path(name), text, { mode: 0o600 });
  }

  async #writeKeys(): Promise<void> {
    const ca: Authority = await createAuthority({ trustDomain: 'kubernetes.test' });
    this.#write('ca.pem', ca.certificatePem);
    const server = await ca.issue({
      spiffeId: 'spiffe://kubernetes.test/apiserver',
      ipAddresses: ['127.0.0.1'],
    });
    this.#write('apiserver.pem', server.chainPem);
    this.#write('apiserver.key', server.privateKeyPem ?? '');
    const administrator = await ca.issue({
      spiffeId: 'spiffe://kubernetes.test/administrator',
      adjust: (spec, e) => ({
        ...spec,
        subject: encodeName(e, [
          ['O', 'system:masters'],
          ['CN', 'administrator'],
        ]),
      }),
    });
    this.#administrator = { cert: administrator.chainPem, key: administrator.privateKeyPem ?? '' };
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    this.#write('sa.key', privateKey.export({ format: 'pem', type: 'pkcs1' }).toString());
    this.#write('sa.pub', publicKey.export({ format: 'pem', type: 'spki' }).toString());
  }

  async #startEtcd(port: number, peerPort: number): Promise<void> {
    const [client, peer] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${peerPort}`];
    const args = ['--data-dir', this.path('etcd'), '--unsafe-no-fsync', '--log-level', 'error'];
    args.push('--listen-client-urls', client, '--advertise-client-urls', client);
    args.push('--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer);
    args.push('--initial-cluster', `default=${peer}`);
    this.#daemons.push(await Daemon.start(required('etcd'), args, [port]));
  }

  async #startServer(etcdPort: number): Promise<void> {
    const options = {
      'etcd-servers': `http://127.0.0.1:${etcdPort}`,
      'bind-address': '127.0.0.1',
      'advertise-address': '127.0.0.1',
      'secure-port': this.port,
      'tls-cert-file': this.path('apiserver.pem'),
      'tls-private-key-file': this.path('apiserver.key'),
      'client-ca-file': this.path('ca.pem'),
      'service-account-key-file': this.path('sa.pub'),
      'service-account-signing-key-file': this.path('sa.key'),
      'service-account-issuer': 'https://kubernetes.default.svc',
      'service-cluster-ip-range': '10.0.0.0/24',
      'authorization-mode': 'RBAC',
      'disable-admission-plugins': 'ServiceAccount',
      'endpoint-reconciler-type': 'none',
    };
    const args = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
    this.#daemons.push(await Daemon.start(required('kube-apiserver'), args, [this.port]));
    await eventually(
      () => this.call('GET', '/readyz').catch(() => ({ status: 0 })),
      ({ status }) => status === 200,
      START_MS_MAX,
    );
  }
}

function required(command: string): string {
  const path = findCommand(command);
  if (path === undefined) throw new Error(`\`${command}\` is missing; run .ci/build-kubernetes`);
  return path;
}
