// `sallyport demo`: a real application behind real proxies, in a temporary folder; ends by itself unless
// --keep.
import { join } from 'node:path';
import { parseOptions } from './args.ts';
import { Narrator } from './demo/narrator.ts';
import { pair } from './demo/pair.ts';
import * as steps from './demo/steps.ts';
import { type Service, World } from './demo/world.ts';
import type { Io, Verb } from './io.ts';

/** One line for `--help`. */
export const DEMO_USAGE = 'sallyport demo [--keep]';

export const demo: Verb = async (args, io) => {
  const { values } = parseOptions(
    { args: [...args], options: { keep: { type: 'boolean', default: false } } },
    DEMO_USAGE,
  );
  const narrator = new Narrator(io);
  const world = await World.create();
  try {
    io.out(
      `sallyport demo: a CA, the identities of web, cart and stock, two services behind two proxies, web beside its own, in ${world.folder}\n`,
    );
    const scene = { world, narrator, ...(await world.start(steps.POLICIES)) };
    await steps.allowedCall(scene);
    await steps.deniedCall(scene);
    await steps.strangerRefused(scene);
    await pair(scene);
    await steps.auditMode(scene);
    await steps.liveEdit(scene);
    await steps.rotation(scene);
    await steps.metrics(scene);
    if (values.keep) await keep(io, scene);
    io.out(
      '\nDone. `npm run demo -- --keep` leaves it running; README.md puts sallyport in front of your own service.\n',
    );
    return 0;
  } finally {
    await world.close();
  }
};

async function keep(io: Io, { world, cart, stock, web }: steps.Scene): Promise<void> {
  const svid = join(world.folder, 'web');
  const curl = `curl --cacert ${svid}/ca.pem --cert ${svid}/tls.crt --key ${svid}/tls.key`;
  const policyOf = ({ folder, name }: Service): string => join(folder, 'policies', `${name}.yaml`);
  io.out(`\nStill running. Try:
  ${curl} https://localhost:${cart.port}/cart/7            # allowed
  ${curl} -X PUT https://localhost:${cart.port}/cart/7     # denied
  curl --cacert ${svid}/ca.pem https://localhost:${cart.port}/cart/7   # no certificate: refused
  curl http://127.0.0.1:${web.port}/cart/7   # no TLS at all: web's own proxy speaks it
Edit and save: ${[cart, stock, web].map(policyOf).join(', ')}
Ctrl-C ends everything and removes ${world.folder}.
`);
  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
}
