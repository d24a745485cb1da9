// The embedded issuer as a source of SVIDs: the contract of all sources.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority } from '../../certs/authority/authority.ts';
import { openIssuerSource } from '../../certs/issuer-client/issuer-source.ts';
import { writePem } from '../../certs/x509/pem.ts';
import { ScriptedIssuer, type TrustJson } from '../unit/certs/issuer-client/scripted-issuer.ts';
import { type Delivery, svidSourceContract } from './svid-source.ts';

const OWN = 'example.org';

function trustOf({ bundles, crls }: Delivery): TrustJson {
  const { [OWN]: bundle, ...federated } = bundles;
  const crl = (crls[OWN] ?? []).map((der) => writePem('X509 CRL', der)).join('');
  return { bundle, crl, federated };
}

svidSourceContract({
  name: 'the embedded issuer',
  badFirstSet: 'waits',
  federates: true,
  async create() {
    const dir = await mkdtemp(join(tmpdir(), 'sallyport-contract-'));
    // The issuer is known by a CA of its own: what it delivers is the suite's.
    const authority = await createAuthority({ trustDomain: OWN });
    const issuer = await ScriptedIssuer.start({ authority });
    issuer.renew = true;
    await writeFile(join(dir, 'ca.pem'), authority.certificatePem);
    await writeFile(join(dir, 'token'), 'token');
    let present: Delivery | null = null;
    issuer.svid = () => ({ status: 200, body: answerOf(present, issuer.trust) });
    const set = (delivery: Delivery): void => {
      present = delivery;
      issuer.publish(trustOf(delivery));
    };
    return {
      open(first) {
        set(first);
        return openIssuerSource({
          address: { host: '127.0.0.1', port: issuer.port },
          trustDomain: OWN,
          stateDirectory: join(dir, 'state'),
          bundleFile: join(dir, 'ca.pem'),
          serviceAccountTokenFile: join(dir, 'token'),
          makeKey: async () => createPrivateKey(present?.privateKeyPem ?? ''),
        });
      },
      async deliver(next) {
        set(next);
        await issuer.listen(); // again, if it was broken off
      },
      breakOff: () => issuer.stop(),
      async close() {
        await issuer.stop();
        await rm(dir, { recursive: true, force: true, maxRetries: 5 }); // a write may be under way
      },
    };
  },
});

function answerOf(delivery: Delivery | null, trust: TrustJson): TrustJson {
  const leaf = new X509Certificate(delivery?.chainPem ?? '');
  const spiffeId = leaf.subjectAltName?.split(', ').find((name) => name.startsWith('URI:spiffe:'));
  const [notBefore, notAfter] = [leaf.validFromDate, leaf.validToDate];
  return {
    spiffeId: spiffeId?.slice('URI:'.length) ?? '',
    svid: delivery?.chainPem,
    serial: leaf.serialNumber.toLowerCase(),
    notBefore: notBefore.toISOString(),
    notAfter: notAfter.toISOString(),
    renewAt: new Date((notBefore.getTime() + notAfter.getTime()) / 2).toISOString(),
    trust,
  };
}
