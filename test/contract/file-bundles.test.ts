// Files as a source of bundles: the contract of all sources.
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFileBundles } from '../../certs/files/file-bundles.ts';
import { writePem } from '../../certs/x509/pem.ts';
import { bundleSourceContract, type TrustDelivery } from './bundle-source.ts';

bundleSourceContract({
  name: 'files',
  badFirstSet: 'throws',
  revokes: true,
  several: true,
  async create() {
    const dir = await mkdtemp(join(tmpdir(), 'sallyport-contract-'));
    const put = async (name: string, content: string): Promise<void> => {
      await writeFile(join(dir, `.${name}`), content);
      await rename(join(dir, `.${name}`), join(dir, name));
    };
    const write = async ({ bundles, crls }: TrustDelivery): Promise<void> => {
      for (const [domain, pem] of Object.entries(bundles)) await put(`${domain}.pem`, pem);
      for (const [domain, lists] of Object.entries(crls))
        await put(`${domain}.crl`, lists.map((der) => writePem('X509 CRL', der)).join(''));
    };
    const byDomain = (names: readonly string[], suffix: string): Record<string, string> =>
      Object.fromEntries(names.map((domain) => [domain, join(dir, `${domain}${suffix}`)]));
    return {
      async open(first) {
        await write(first);
        return openFileBundles({
          bundleFiles: byDomain(Object.keys(first.bundles), '.pem'),
          crlFiles: byDomain(Object.keys(first.crls), '.crl'),
          debounceMs: 20,
        });
      },
      deliver: write,
      breakOff: () => rm(join(dir, 'b.example.pem')),
      close: () => rm(dir, { recursive: true, force: true }),
    };
  },
});
