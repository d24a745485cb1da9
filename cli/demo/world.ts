// The demo's world in a temporary folder: one CA, three identities, two services behind two proxies, and a
// caller whose own proxy speaks mutual TLS for it.
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Authority, createAuthority } from '../../certs/authority/authority.ts';
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

/** A workload that only calls: `port` leads to cart; `misledPort` should, and leads to stock. */
export interface Client extends Service {
  readonly misledPort: number;
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

  /** Starts stock and cart with `policies` (by service), each behind its own proxy, and web's proxy. */
  async start(
    policies: Readonly<Record<'stock' | 'cart' | 'web', string>>,
  ): Promise<{ stock: Service; cart: Service; web: Client }> {
    await Promise.all([
      this.issue('stock'),
      this.issue('cart'),
      this.issue('web'),
      this.issue('web', this.stranger, 'stranger'),
    ]);
    const stockApplication = await startStock();
    const stock = await this.serving('stock', stockApplication, policies.stock);
    const cartApplication = await startCart(stock.port, join(this.folder, 'cart'));
    const cart = await this.serving('cart', cartApplication, policies.cart);
    const web = await this.calling('web', policies.web, { cart, stock });
    const ready = ({ sidecar }: Service): Promise<unknown> => sidecar.line((line) => line['msg'] === 'ready');
    await Promise.all([stock, cart, web].map(ready));
    return { stock, cart, web };
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

  private async serving(name: string, application: Application, policy: string): Promise<Service> {
    this.applications.push(application);
    const [port = 0] = await freePorts(1);
    const listeners = [
      `{ name: inbound, address: "127.0.0.1:${port}", upstream: "127.0.0.1:${application.port}" }`,
    ];
    return this.service(name, { policy, port, listeners });
  }

  private async calling(
    name: string,
    policy: string,
    { cart, stock }: { readonly cart: Service; readonly stock: Service },
  ): Promise<Client> {
    const [port = 0, misledPort = 0] = await freePorts(2);
    const toCart = (listener: string, at: number, upstream: number): string =>
      `name: ${listener}
    direction: outbound
    address: "127.0.0.1:${at}"
    upstream:
      address: "localhost:${upstream}"
      tls: mutual
      peers: ["spiffe://${TRUST_DOMAIN}/ns/shop/sa/cart"]`;
    const listeners = [toCart('to-cart', port, cart.port), toCart('misled', misledPort, stock.port)];
    return { ...(await this.service(name, { policy, port, listeners })), misledPort };
  }

  private async service(
    name: string,
    wanted: { readonly policy: string; readonly port: number; readonly listeners: readonly string[] },
  ): Promise<Service> {
    const folder = join(this.folder, name);
    mkdirSync(join(folder, 'policies'), { recursive: true });
    writeFileSync(join(folder, 'policies', `${name}.yaml`), wanted.policy);
    const [statusPort = 0, adminPort = 0] = await freePorts(2);
    const config = join(folder, 'sallyport.yaml');
    writeFileSync(config, configText(name, { statusPort, adminPort, listeners: wanted.listeners }));
    const sidecar = new Sidecar(config, { adminPort, statusPort });
    const service = { name, port: wanted.port, folder, sidecar };
    this.services.push(service);
    return service;
  }
}

interface Written {
  readonly statusPort: number;
  readonly adminPort: number;
  /** Each in YAML, without its dash. */
  readonly listeners: readonly string[];
}

function configText(name: string, { statusPort, adminPort, listeners }: Written): string {
  return `workload: { namespace: shop, serviceAccount: ${name}, labels: { app: ${name} } }
identity:
  trustDomain: ${TRUST_DOMAIN}
  files: { certificate: tls.crt, key: tls.key, bundles: { ${TRUST_DOMAIN}: ca.pem } }
listeners:
${listeners.map((listener) => `  - ${listener}`).join('\n')}
policy: { files: [policies/], mode: enforce }
status: { address: "127.0.0.1:${statusPort}" }
admin: { address: "127.0.0.1:${adminPort}" }
log: { decisions: all }
shutdown: { delay: 0s, drain: 2s }
`;
}

function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
