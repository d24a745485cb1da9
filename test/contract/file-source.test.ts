// Files as a source of SVIDs: the contract of all sources.
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFileSource } from '../../certs/files/file-source.ts';
import { writePem } from '../../certs/x509/pem.ts';
import { type Delivery, svidSourceContract } from './svid-source.ts';

svidSourceContract({
  name: 'files',
  badFirstSet: 'throws',
  federates: false, // which trust domains have files is fixed by the configuration
  async create() {
    const dir = await mkdtemp(join(tmpdir(), 'sallyport-contract-'));
    const put = async (name: string, content: string): Promise<void> => {
      await writeFile(join(dir, `.${name}`), content, { mode: 0o600 });
      await rename(join(dir, `.${name}`), join(dir, name));
    };
    const write = async ({ chainPem, privateKeyPem, bundles, crls }: Delivery): Promise<void> => {
      await put('tls.crt', chainPem);
      await put('tls.key', privateKeyPem);
      for (const [domain, pem] of Object.entries(bundles)) await put(`${domain}.pem`, pem);
      for (const [domain, lists] of Object.entries(crls))
        await put(`${domain}.crl`, lists.map((der) => writePem('X509 CRL', der)).join(''));
    };
    const byDomain = (names: readonly string[], suffix: string): Record<string, string> =>
      Object.fromEntries(names.map((domain) => [domain, join(dir, `${domain}${suffix}`)]));
    return {
      async open(first) {
        await write(first);
        return openFileSource({
          trustDomain: 'example.org',
          certificateFile: join(dir, 'tls.crt'),
          keyFile: join(dir, 'tls.key'),
          bundleFiles: byDomain(Object.keys(first.bundles), '.pem'),
          crlFiles: byDomain(Object.keys(first.crls), '.crl'),
          debounceMs: 20,
        });
      },
      deliver: write,
      breakOff: () => rm(join(dir, 'tls.crt')),
      close: () => rm(dir, { recursive: true, force: true }),
    };
  },
});
