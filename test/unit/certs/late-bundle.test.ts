// A foreign bundle whose source may take its time: there at once, and only what it is asked for.
import { beforeAll, expect, test } from 'vitest';
import { type Authority, createAuthority } from '../../../certs/authority/authority.ts';
import { type OpenBundles, openBundleLater } from '../../../certs/late-bundle.ts';
import type { BundleSource } from '../../../certs/source.ts';
import type { TrustState } from '../../../certs/verify.ts';
import { SallyportError } from '../../../core/errors.ts';
import { trust } from './make-certificate.ts';
import { ToldSource } from './told-source.ts';

let partner: Authority;
let stranger: Authority;
beforeAll(async () => {
  partner = await createAuthority({ trustDomain: 'b.example' });
  stranger = await createAuthority({ trustDomain: 'c.example' });
});

/** Opens when the test says so. */
class Opening {
  asked: Parameters<OpenBundles>[0] | null = null;
  readonly #opened = Promise.withResolvers<BundleSource>();
  readonly open: OpenBundles = (options) => {
    this.asked = options;
    return this.#opened.promise;
  };

  async succeed(source: BundleSource): Promise<void> {
    this.#opened.resolve(source);
    await new Promise((resolve) => setImmediate(resolve));
  }

  async fail(error: Error): Promise<void> {
    this.#opened.reject(error);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const domainsOf = (source: BundleSource): readonly string[] => [...(source.current()?.bundles.keys() ?? [])];

test('there before it has anything, and then with one bundle of all', async () => {
  const opening = new Opening();
  const source = openBundleLater('b.example', opening.open);
  expect(source.current()).toBeNull();
  const behind = new ToldSource<TrustState>().tell(trust(partner, stranger));
  await opening.succeed(behind);
  expect(domainsOf(source)).toEqual(['b.example']);
  behind.tell(trust(stranger));
  expect(domainsOf(source)).toEqual([]);
  behind.tell(trust(partner));
  expect(domainsOf(source)).toEqual(['b.example']);
});

test('why it waits is a problem, and what goes wrong later too; a good state ends it', async () => {
  const opening = new Opening();
  const source = openBundleLater('b.example', opening.open);
  opening.asked?.onWaiting({ severity: 'error', code: 'ERR_AWAY', message: 'nobody there' });
  expect(source.problems()).toMatchObject([{ code: 'ERR_AWAY', trustDomain: 'b.example' }]);
  const behind = new ToldSource<TrustState>().tell(trust(partner));
  await opening.succeed(behind);
  expect(source.problems()).toEqual([]);
  behind.refuse('ERR_LATER');
  expect(source.problems()).toMatchObject([{ code: 'ERR_LATER', trustDomain: 'b.example' }]);
  expect(domainsOf(source)).toEqual(['b.example']);
});

test('one that cannot be opened says why', async () => {
  const opening = new Opening();
  const source = openBundleLater('b.example', opening.open);
  await opening.fail(new SallyportError('ERR_SOMETHING', 'not that way'));
  expect(source.problems()).toMatchObject([
    { severity: 'error', code: 'ERR_SOMETHING', message: 'not that way' },
  ]);
  expect(source.current()).toBeNull();
});

test.each([
  { name: 'before it was opened', early: true },
  { name: 'after', early: false },
])('closed $name, it gives up and closes what is behind it', async ({ early }) => {
  const opening = new Opening();
  const source = openBundleLater('b.example', opening.open);
  const behind = new ToldSource<TrustState>().tell(trust(partner));
  if (!early) await opening.succeed(behind);
  source.close();
  expect(opening.asked?.signal.aborted).toBe(true);
  if (early) await opening.succeed(behind);
  expect(behind.closed).toBe(true);
  const before = source.current();
  behind.tell(trust());
  expect(source.current()).toBe(before);
});
