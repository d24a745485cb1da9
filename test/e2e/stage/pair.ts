// Two proxies in a row: an application's outbound listener, and the inbound listener of the one it calls.
import { type RunningProxy, Stage, type StageOptions } from './stage.ts';

export const CART = 'spiffe://example.org/ns/shop/sa/cart';

/** The keys of an outbound listener and of its upstream, to cart. */
export function outbound(to: { port: number; peers?: readonly string[]; upstream?: string }): StageOptions {
  const peers = (to.peers ?? [CART]).map((id) => `"${id}"`).join(', ');
  const more = to.upstream === undefined ? '' : `, ${to.upstream}`;
  return {
    upstreamPort: to.port,
    listener: 'direction: outbound',
    upstream: `tls: mutual, peers: [${peers}]${more}`,
  };
}

/** web's outbound proxy before cart's inbound proxy before an application on `port`. */
export class Pair {
  readonly web: Stage;
  readonly cart: Stage;
  readonly outbound: RunningProxy;
  readonly inbound: RunningProxy;

  private constructor(web: Stage, cart: Stage, proxies: { outbound: RunningProxy; inbound: RunningProxy }) {
    this.web = web;
    this.cart = cart;
    this.outbound = proxies.outbound;
    this.inbound = proxies.inbound;
  }

  /** `options`: what the two configurations differ in, once cart's stage is there. */
  static async start(
    port: number,
    options: (cart: Stage) => { web?: StageOptions; cart?: StageOptions } = () => ({}),
  ): Promise<Pair> {
    const cart = await Stage.create();
    const wanted = options(cart);
    const web = await Stage.create({ authority: cart.authority, account: 'web' });
    const [inbound, out] = await Promise.all([
      cart.start({ upstreamPort: port, ...wanted.cart }),
      web.start({ ...outbound({ port: cart.port }), ...wanted.web }),
    ]);
    return new Pair(web, cart, { outbound: out, inbound });
  }

  async close(): Promise<void> {
    await Promise.all([this.web.close(), this.cart.close()]);
  }
}
