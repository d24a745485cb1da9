// The demo's world in a temporary folder: one CA, three identities, two services behind two proxies.
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Authority, createAuthority } from '../../certs/authority.ts';
import { freePorts } from '../../core/free-ports.ts';
import { type Application, startCart, startStock } from './applications.ts';
import { type Caller, callerOf } from './caller.ts';
import { Sidecar } from './sidecar.ts';

/** One service and its proxy. */
export interface Service {
  readonly name: string;
  readonly port: number;
  readonly folder: string;
  readonly sidecar: Sidecar;
}

const TRUST_DOMAIN = 'example.org';

export class World {
  readonly folder: string;
  readonly authority: Authority;
  readonly stranger: Authority;
  private readonly applications: Application[] = [];
  private readonly services: Service[] = [];

  private constructor(folder: string, authority: Authority, stranger: Authority) {
    this.folder = folder;
    this.authority = authority;
    this.stranger = stranger;
  }

  static async create(): Promise<World> {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-demo-'));
    const [authority, stranger] = await Promise.all([
      createAuthority({ trustDomain: TRUST_DOMAIN }),
      createAuthority({ trustDomain: TRUST_DOMAIN }),
    ]);
    return new World(folder, authority, stranger);
  }

  /** Issues the SVID of service account `name` into `<folder>/<name>/`. */
  async issue(name: string, by: Authority = this.authority, folder = name): Promise<string> {
    const target = join(this.folder, folder);
    mkdirSync(target, { recursive: true });
    const svid = await by.issue({
      spiffeId: `spiffe://${TRUST_DOMAIN}/ns/shop/sa/${name}`,
      dnsNames: [name, `${name}.shop`, 'localhost'],
    });
    replace(join(target, 'ca.pem'), this.authority.certificatePem);
    replace(join(target, 'tls.key'), svid.privateKeyPem ?? '');
    replace(join(target, 'tls.crt'), svid.chainPem);
    return svid.serial;
  }

  /** Starts stock and cart with `policies` (by service), each behind its own proxy. */
  async start(
    policies: Readonly<Record<'stock' | 'cart', string>>,
  ): Promise<{ stock: Service; cart: Service }> {
    await Promise.all([
      this.issue('stock'),
      this.issue('cart'),
      this.issue('web'),
      this.issue('web', this.stranger, 'stranger'),
    ]);
    const stockApplication = await startStock();
    const stock = await this.service('stock', stockApplication, policies.stock);
    const cartApplication = await startCart(stock.port, join(this.folder, 'cart'));
    const cart = await this.service('cart', cartApplication, policies.cart);
    await Promise.all([stock, cart].map(({ sidecar }) => sidecar.line((line) => line['msg'] === 'ready')));
    return { stock, cart };
  }

  /** A caller with the SVID in `folder`. */
  caller(folder: string, service: Service, keepAlive = true): Caller {
    const read = (name: string): string => readFileSync(join(this.folder, folder, name), 'utf8');
    return callerOf({
      port: service.port,
      ca: read('ca.pem'),
      cert: read('tls.crt'),
      key: read('tls.key'),
      keepAlive,
    });
  }

  /** Replaces a file of a service at once, as Git or a ConfigMap would. */
  edit(service: Service, file: string, change: (text: string) => string): void {
    const path = join(service.folder, file);
    replace(path, change(readFileSync(path, 'utf8')));
  }

  async close(): Promise<void> {
    await Promise.all(this.services.map(({ sidecar }) => sidecar.stop()));
    for (const application of this.applications) application.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async service(name: string, application: Application, policy: string): Promise<Service> {
    this.applications.push(application);
    const folder = join(this.folder, name);
    mkdirSync(join(folder, 'policies'), { recursive: true });
    writeFileSync(join(folder, 'policies', `${name}.yaml`), policy);
    const [port = 0, statusPort = 0, adminPort = 0] = await freePorts(3);
    const config = join(folder, 'sallyport.yaml');
    writeFileSync(config, configText(name, { port, statusPort, adminPort, upstreamPort: application.port }));
    const service = { name, port, folder, sidecar: new Sidecar(config, { adminPort, statusPort }) };
    this.services.push(service);
    return service;
  }
}

interface Ports {
  readonly port: number;
  readonly statusPort: number;
  readonly adminPort: number;
  readonly upstreamPort: number;
}

function configText(name: string, { port, statusPort, adminPort, upstreamPort }: Ports): string {
  return `workload: { namespace: shop, serviceAccount: ${name}, labels: { app: ${name} } }
identity:
  trustDomain: ${TRUST_DOMAIN}
  files: { certificate: tls.crt, key: tls.key, bundles: { ${TRUST_DOMAIN}: ca.pem } }
listeners:
  - { name: inbound, address: "127.0.0.1:${port}", upstream: "127.0.0.1:${upstreamPort}" }
policy: { files: [policies/], mode: enforce }
status: { address: "127.0.0.1:${statusPort}" }
admin: { address: "127.0.0.1:${adminPort}" }
shutdown: { delay: 0s, drain: 2s }
`;
}

function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
