// The demo's story, one function a step. Each says what happens, does it for real, and shows what came back.
import { SallyportError } from '../../core/errors.ts';
import type { Narrator } from './narrator.ts';
import type { LogLine } from './sidecar.ts';
import type { Client, Service, World } from './world.ts';

/** What every step has at hand. */
export interface Scene {
  readonly world: World;
  readonly stock: Service;
  readonly cart: Service;
  readonly web: Client;
  readonly narrator: Narrator;
}

export const POLICIES = {
  stock: allow('stock', 'cart', '["GET"]', '["/items/{*}"]'),
  cart: allow('cart', 'web', '["GET"]', '["/cart/{*}"]'),
  web: allow('web', 'web', '["GET"]', '["/cart/{*}"]'),
} as const;

export async function allowedCall({ world, stock, cart, narrator }: Scene): Promise<void> {
  narrator.step(
    'An allowed call',
    'web -> cart -> stock, each hop over mutual TLS, each judged by its own proxy',
  );
  const web = world.caller('web', cart);
  const answer = await web.request('GET', '/cart/7');
  web.close();
  narrator.answer('web: GET cart/cart/7', answer);
  expectStatus(answer.status, 200);
  narrator.say(`stock sees that cart asked, by its certificate: ${JSON.parse(answer.body).stock.askedBy}`);
  narrator.say(`policy: ${stock.folder}/policies/stock.yaml`);
}

export async function deniedCall({ world, stock, cart, narrator }: Scene): Promise<void> {
  narrator.step(
    'A denied call, explained',
    'web may GET its cart, but not delete it, and not talk to stock at all',
  );
  for (const [service, method, path] of [
    [cart, 'DELETE', '/cart/7'],
    [stock, 'GET', '/items/7'],
  ] as const) {
    const from = service.sidecar.lines.length;
    const web = world.caller('web', service);
    const answer = await web.request(method, path);
    web.close();
    narrator.answer(`web: ${method} ${service.name}${path}`, answer);
    expectStatus(answer.status, 403);
    const line = await service.sidecar.line((one) => one['reason'] === 'default-deny', from);
    narrator.near(line);
  }
}

export async function strangerRefused({ world, cart, narrator }: Scene): Promise<void> {
  narrator.step(
    'A stranger',
    'the same name, spiffe://example.org/ns/shop/sa/web, but certified by another CA',
  );
  const stranger = world.caller('stranger', cart);
  const outcome = await stranger.request('GET', '/cart/7').then(
    () => 'was answered',
    (error: Error) => `connection refused (${error.message})`,
  );
  stranger.close();
  narrator.say(`stranger: ${outcome}`);
  if (!outcome.startsWith('connection')) throw failed('the stranger was answered');
  const line = await cart.sidecar.line((one) => one['reason'] === 'untrusted-certificate');
  narrator.say(`log: ${line['reason']}: ${line['message']}`);
}

export async function auditMode({ world, stock, narrator }: Scene): Promise<void> {
  narrator.step('Audit mode', 'policy.mode: audit forwards what a policy would deny, and records it');
  const from = stock.sidecar.lines.length;
  world.edit(stock, 'sallyport.yaml', (text) => text.replace('mode: enforce', 'mode: audit'));
  await stock.sidecar.line((line) => String(line['mode']).includes('audit'), from);
  const web = world.caller('web', stock);
  const answer = await web.request('GET', '/items/7');
  web.close();
  narrator.answer('web: GET stock/items/7', answer);
  expectStatus(answer.status, 200);
  narrator.say('the flow records of stock, which policies can be suggested from later:');
  narrator.flows((await stock.sidecar.admin('flows')) as LogLine[]);
  const back = stock.sidecar.lines.length;
  world.edit(stock, 'sallyport.yaml', (text) => text.replace('mode: audit', 'mode: enforce'));
  await stock.sidecar.line((line) => line['mode'] === 'enforce', back);
  narrator.say('back to enforce');
}

export async function liveEdit({ world, cart, narrator }: Scene): Promise<void> {
  narrator.step(
    'A policy edit on a live connection',
    'the file is saved; the connection stays; the next request is judged anew',
  );
  const web = world.caller('web', cart);
  const before = await web.request('DELETE', '/cart/7');
  narrator.answer('web: DELETE cart/cart/7', before);
  const hash = await cart.sidecar.policyHash();
  const start = performance.now();
  world.edit(cart, 'policies/cart.yaml', (text) => text.replace('["GET"]', '["GET", "DELETE"]'));
  await cart.sidecar.policyChangedFrom(hash);
  narrator.say(
    `policies/cart.yaml: methods ["GET"] -> ["GET", "DELETE"], in force ${Math.round(performance.now() - start)} ms after the save`,
  );
  const after = await web.request('DELETE', '/cart/7');
  web.close();
  narrator.answer('web: DELETE cart/cart/7', after);
  expectStatus(before.status, 403);
  expectStatus(after.status, 200);
  if (!after.reused) throw failed('the connection did not survive the edit');
  narrator.say('same connection: yes');
}

const ROTATION_MS = 2_000;
const PAUSE_MS = 5;

export async function rotation({ world, cart, narrator }: Scene): Promise<void> {
  narrator.step('Certificate rotation under load', 'cart gets a new key and certificate while requests run');
  const count = { answered: 0, failed: 0 };
  let running = true;
  const keepOn = async (keepAlive: boolean): Promise<void> => {
    const web = world.caller('web', cart, keepAlive);
    while (running) {
      const status = await web.request('GET', '/cart/7').then(
        (answer) => answer.status,
        () => 0,
      );
      if (status === 200) count.answered++;
      else count.failed++;
      await pause(PAUSE_MS);
    }
    web.close();
  };
  const loads = [keepOn(true), keepOn(true), keepOn(false)];
  const from = cart.sidecar.lines.length;
  await pause(ROTATION_MS / 3);
  const serial = await world.issue('cart');
  await cart.sidecar.line((line) => line['msg'] === 'identity swapped', from);
  await pause(ROTATION_MS / 3);
  running = false;
  await Promise.all(loads);
  narrator.say(
    `new certificate ${serial.slice(0, 16)}… in use; ${count.answered} requests answered, ${count.failed} failed`,
  );
  if (count.failed > 0) throw failed(`${count.failed} requests failed during the rotation`);
}

const SHOWN = [
  'sallyport_requests_total',
  'sallyport_rule_hits_total',
  'sallyport_denied_total',
  'sallyport_handshakes_total',
];

export async function metrics({ cart, narrator }: Scene): Promise<void> {
  narrator.step('The metrics', 'what Prometheus reads from cart: by verdict, reason, rule and caller');
  const text = await cart.sidecar.metrics();
  for (const line of text.split('\n')) if (SHOWN.some((name) => line.startsWith(name))) narrator.say(line);
}

function allow(service: string, caller: string, methods: string, paths: string): string {
  return `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ${service}, namespace: shop }
spec:
  selector: { matchLabels: { app: ${service} } }
  action: ALLOW
  rules:
    - from: [{ source: { principals: ["example.org/ns/shop/sa/${caller}"] } }]
      to: [{ operation: { methods: ${methods}, paths: ${paths} } }]
`;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export function expectStatus(status: number, wanted: number): void {
  if (status !== wanted) throw failed(`the answer has status ${status} instead of ${wanted}`);
}

export function failed(message: string): SallyportError {
  return new SallyportError('ERR_DEMO', message, {
    hint: 'this is a defect, please report it with the output above',
  });
}
