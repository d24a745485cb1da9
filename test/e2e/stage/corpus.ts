// The corpus of certificates as files of a proxy: every bundle and CRL that can be loaded at all.
import { createAuthority } from '../../../certs/authority/authority.ts';
import { writePem } from '../../../certs/x509/pem.ts';
import { BAD_ROWS, GOOD } from '../../conformance/certificates/corpus.ts';
import { type Cast, createCast, type Row, type Sample } from '../../conformance/certificates/sample.ts';
import { Stage } from './stage.ts';

/** One row and what it made. */
export interface Played {
  readonly row: Row;
  readonly sample: Sample;
}

/** The corpus on a stage. */
export interface CorpusStage {
  readonly stage: Stage;
  readonly cast: Cast;
  /** Without the rows whose bundle or CRL no proxy loads: their claim is that one. */
  readonly bad: readonly Played[];
  readonly good: readonly Played[];
  /** YAML of the `identity` block. */
  readonly identity: string;
  readonly trustDomains: readonly string[];
}

export async function corpusStage(account: string): Promise<CorpusStage> {
  const cast = await createCast();
  const stage = await Stage.create({ authority: cast.root, account });
  const loadable = BAD_ROWS.filter((row) => !row.expect.startsWith('ERR_') && row.rewrapped !== true);
  const bad = await playAll(loadable, cast);
  const good = await playAll(GOOD, cast);
  const bundles = new Map([
    ['example.org', new Map([[key(cast.root.certificate.der), cast.root.certificate.der]])],
  ]);
  bundles.set('b.example', new Map([['', cast.partner.certificate.der]]));
  const crls = new Map<string, Buffer[]>();
  for (const { sample } of [...bad, ...good]) {
    const { trustDomain = 'example.org', roots = [], crls: lists = [] } = sample;
    const bundle = bundles.get(trustDomain) ?? new Map<string, Buffer>();
    for (const der of roots) bundle.set(key(der), der);
    bundles.set(trustDomain, bundle);
    if (lists.length > 0) crls.set(trustDomain, [...(crls.get(trustDomain) ?? []), ...lists]);
  }
  const list = (entries: readonly string[]): string => entries.map((entry) => `\n    ${entry}`).join('');
  const bundleFiles = [...bundles].map(([td, ders], i) => {
    stage.write(`bundle-${i}.pem`, [...ders.values()].map((der) => writePem('CERTIFICATE', der)).join(''));
    return `"${td}": bundle-${i}.pem`;
  });
  const crlFiles = [...crls].map(([td, ders], i) => {
    stage.write(`list-${i}.crl`, ders.map((der) => writePem('X509 CRL', der)).join(''));
    return `"${td}": list-${i}.crl`;
  });
  const identity = `trustDomain: example.org
files:
  certificate: server.pem
  key: server.key
  bundles:${list(bundleFiles)}
  crls:${list(crlFiles)}`;
  return { stage, cast, bad, good, identity, trustDomains: [...bundles.keys()] };
}

const key = (der: Buffer): string => der.toString('latin1');

/** CRLs speak of a CA as a whole: a row that has some gets a CA of its own. */
async function playAll(rows: readonly Row[], cast: Cast): Promise<Played[]> {
  const played: Played[] = [];
  for (const row of rows) {
    const sample = await row.make(cast);
    if (sample.crls === undefined) {
      played.push({ row, sample });
      continue;
    }
    const root = await createAuthority({ trustDomain: 'example.org', nowMs: cast.nowMs });
    played.push({ row, sample: { roots: [root.certificate.der], ...(await row.make({ ...cast, root })) } });
  }
  return played;
}
