// The demo's step about the other side: a caller that knows no TLS, and its own proxy that speaks it.
import { callerOf } from './caller.ts';
import type { LogLine, Sidecar } from './sidecar.ts';
import { expectStatus, failed, type Scene } from './steps.ts';

export async function pair(scene: Scene): Promise<void> {
  const { web, narrator } = scene;
  narrator.step(
    'A caller without TLS',
    'web asks its own proxy in plain HTTP on loopback; that one speaks mutual TLS to the proxy of cart',
  );
  const application = callerOf({ port: web.port });
  const allowed = await application.request('GET', '/cart/7');
  narrator.answer('web: GET cart/cart/7', allowed);
  expectStatus(allowed.status, 200);
  await joined(scene);
  const denied = await application.request('DELETE', '/cart/7');
  narrator.answer('web: DELETE cart/cart/7', denied);
  expectStatus(denied.status, 403);
  await deniedAtHome(scene);
  application.close();
  await misled(scene);
}

/** One request, two decisions: the id and the trace of both lines are the same. */
async function joined({ web, cart, narrator }: Scene): Promise<void> {
  const out = await decided(web.sidecar, (line) => line['verdict'] === 'allow');
  const into = await decided(cart.sidecar, (line) => line['requestId'] === out['requestId']);
  if (out['trace'] !== into['trace']) throw failed('the two proxies tell different traces');
  narrator.say(`one request, two decisions; in both: requestId ${out['requestId']}, trace ${out['trace']}`);
  narrator.decision(web.name, out);
  narrator.decision(cart.name, into);
}

async function deniedAtHome({ web, cart, narrator }: Scene): Promise<void> {
  const line = await decided(web.sidecar, ({ verdict }) => verdict === 'deny');
  narrator.near(line);
  if (cart.sidecar.lines.some(({ requestId }) => requestId === line['requestId']))
    throw failed('what web may not ask reached cart');
  narrator.say("  web's own proxy denied it: cart never heard of it");
}

/** The right CA and the wrong SPIFFE ID. */
async function misled({ web, narrator }: Scene): Promise<void> {
  const application = callerOf({ port: web.misledPort });
  const answer = await application.request('GET', '/cart/7');
  application.close();
  narrator.say('and where the address of cart leads to stock, whose certificate is of the same CA:');
  narrator.answer('web: GET cart/cart/7', answer);
  expectStatus(answer.status, 502);
  const said = await web.sidecar.line((one) => one['reason'] === 'unexpected-peer' && 'msg' in one);
  narrator.say(`  log: ${said['reason']}: ${said['msg']}`);
}

function decided(sidecar: Sidecar, wanted: (line: LogLine) => boolean): Promise<LogLine> {
  return sidecar.line((line) => 'http' in line && wanted(line));
}
