// Bundles and revocation lists in a folder of one test, each written as a tool does it: under another name,
// then renamed.
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writePem } from '../../certs/x509/pem.ts';
import type { TrustDelivery } from './harness.ts';

export class TrustFiles {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async create(): Promise<TrustFiles> {
    return new TrustFiles(await mkdtemp(join(tmpdir(), 'sallyport-contract-')));
  }

  path(name: string): string {
    return join(this.#folder, name);
  }

  async put(name: string, content: string): Promise<void> {
    await writeFile(this.path(`.${name}`), content, { mode: 0o600 });
    await rename(this.path(`.${name}`), this.path(name));
  }

  async putTrust({ bundles, crls }: TrustDelivery): Promise<void> {
    for (const [domain, pem] of Object.entries(bundles)) await this.put(`${domain}.pem`, pem);
    for (const [domain, lists] of Object.entries(crls))
      await this.put(`${domain}.crl`, lists.map((der) => writePem('X509 CRL', der)).join(''));
  }

  /** Where the bundles and lists of `delivery` are. */
  pathsOf({ bundles, crls }: TrustDelivery): Record<'bundleFiles' | 'crlFiles', Record<string, string>> {
    const byDomain = (all: object, suffix: string): Record<string, string> =>
      Object.fromEntries(Object.keys(all).map((domain) => [domain, this.path(`${domain}${suffix}`)]));
    return { bundleFiles: byDomain(bundles, '.pem'), crlFiles: byDomain(crls, '.crl') };
  }

  remove(name: string): Promise<void> {
    return rm(this.path(name));
  }

  close(): Promise<void> {
    return rm(this.#folder, { recursive: true, force: true });
  }
}
