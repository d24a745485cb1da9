// A SPIFFE bundle endpoint as a source of bundles, with a real HTTPS server: the contract of all sources.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority } from '../../certs/authority/authority.ts';
import { openBundleEndpoint } from '../../certs/federation/endpoint-source.ts';
import { readPem } from '../../certs/x509/pem.ts';
import { PollClock, startWeb } from '../unit/certs/federation/endpoint-stage.ts';
import { bundleSourceContract } from './bundle-source.ts';
import type { TrustDelivery } from './harness.ts';

/** The document as somebody may publish it who does not look at what is in it. */
function documentOf({ bundles }: TrustDelivery, sequence: number): string {
  const keys = readPem(bundles['b.example'] ?? '').blocks.map(({ der }) => ({
    use: 'x509-svid',
    kty: 'EC',
    x5c: [der.toString('base64')],
  }));
  return JSON.stringify({ keys, spiffe_sequence: sequence });
}

bundleSourceContract({
  name: 'a bundle endpoint',
  badFirstSet: 'waits',
  revokes: false,
  several: false,
  async create() {
    const directory = await mkdtemp(join(tmpdir(), 'sallyport-contract-'));
    const ca = await createAuthority({ trustDomain: 'web.example' });
    const caFile = join(directory, 'ca.pem');
    await writeFile(caFile, ca.certificatePem);
    const web = await startWeb(ca);
    const clock = new PollClock();
    let sequence = 0;
    let opened = false;
    const publish = (delivery: TrustDelivery): void => {
      const document = documentOf(delivery, ++sequence);
      web.answer = (_, response) => response.end(document);
    };
    /** Without one after it was closed: a closed source polls no more. */
    const poll = async (): Promise<void> => {
      if (opened) await clock.poll();
    };
    return {
      async open(first) {
        publish(first);
        const source = await openBundleEndpoint({
          trustDomain: 'b.example',
          url: web.url,
          caFile,
          clock,
          random: () => 0,
        });
        while (source.current() === null) await clock.poll();
        opened = true;
        const close = source.close.bind(source);
        source.close = () => {
          opened = false;
          close();
        };
        return source;
      },
      async deliver(next) {
        publish(next);
        await poll();
      },
      async breakOff() {
        web.answer = ({ socket }) => socket.destroy();
        await poll();
      },
      async close() {
        await web.close();
        await rm(directory, { recursive: true, force: true });
      },
    };
  },
});
