// The own identity from a SPIFFE Workload API, such as SPIRE's agent: SVID, key, bundles and CRLs in one
// answer, and a new one whenever something changes. @see SPIFFE Workload API section 5.2.1
import { verifyIdentity } from '../identity-material.ts';
import type { Findings } from '../read-files.ts';
import type { TrustMaterial } from '../read-trust.ts';
import type { IdentityState, SvidSource } from '../source.ts';
import { identityMaterial, type ReceivedIdentity } from './material.ts';
import { readX509SvidResponse } from './messages.ts';
import { openStreamSource, type Reading, type WorkloadApiOptions } from './stream-source.ts';

export interface WorkloadApiSourceOptions extends WorkloadApiOptions {
  /** Of the SVID to use, where the workload has several; the first one without. */
  readonly hint?: string | undefined;
}

/**
 * Resolves with the first good SVID, however long that takes.
 * @throws ERR_WORKLOAD_API_ADDRESS, ERR_WORKLOAD_API_ABORTED
 */
export function openWorkloadApiSource(options: WorkloadApiSourceOptions): Promise<SvidSource> {
  const { trustDomain, hint } = options;
  return openStreamSource<IdentityState>(options, {
    name: 'FetchX509SVID',
    read(message, { uri }, findings) {
      const received = identityMaterial(readX509SvidResponse(message), { trustDomain, hint, uri }, findings);
      return received === null ? null : readingOf(received, uri);
    },
  });
}

function readingOf({ material, spiffeId }: ReceivedIdentity, uri: string): Reading<IdentityState> {
  return {
    contents:
      [material.certificate, material.key].map(({ bytes }) => bytes.toString('latin1')).join('') +
      trustContents(material),
    verify(generation, { nowMs, before }, findings: Findings) {
      const state = verifyIdentity(material, nowMs, findings, before);
      if (state === null) return null;
      if (state.spiffeId.uri === spiffeId) return { ...state, generation };
      const message = `the SVID is \`${state.spiffeId.uri}\`, and the answer calls it \`${spiffeId}\``;
      findings.error('ERR_WORKLOAD_API_ID', { file: uri }, message, 'the log of the agent may say more');
      return null;
    },
  };
}

/** Bundles and CRLs as one text; an agent may send them in any order. */
export const trustContents = ({ bundles, crls }: TrustMaterial): string =>
  [...bundles.values(), ...crls.values()]
    .map(({ file, bytes }) => `${file}\0${bytes.toString('latin1')}`)
    .sort()
    .join('\0\0');
