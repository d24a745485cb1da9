// Identity from files, as cert-manager, spiffe-helper or `sallyport certs` write them.
import { stat } from 'node:fs/promises';
import { type Clock, systemClock } from '../../core/clock.ts';
import type { TrustDomain } from '../../core/spiffe-id.ts';
import { type IdentityMaterial, verifyIdentity } from '../identity-material.ts';
import type { Findings } from '../read-files.ts';
import type { IdentityState, SvidSource } from '../source.ts';
import { contentsKey, readLimited, readTrustFiles } from './read-limited.ts';
import { openWatchedSource, type Reading } from './watched-source.ts';

/** Which files; paths as the process can open them. */
export interface FileSourceOptions {
  readonly trustDomain: TrustDomain;
  /** PEM chain, leaf first. */
  readonly certificateFile: string;
  readonly keyFile: string;
  /** One PEM file per trust domain, the own one among them. */
  readonly bundleFiles: Readonly<Record<TrustDomain, string>>;
  /** One file per trust domain, PEM or DER. */
  readonly crlFiles?: Readonly<Record<TrustDomain, string>>;
  readonly clock?: Clock;
  /** Quiet time after the last file event, milliseconds. */
  readonly debounceMs?: number;
}

/**
 * Loads the files and watches them from then on.
 * @throws ERR_IDENTITY_LOAD with every finding when the first set does not verify
 */
export function openFileSource(options: FileSourceOptions): Promise<SvidSource> {
  const { certificateFile, keyFile, bundleFiles, crlFiles = {}, clock = systemClock, debounceMs } = options;
  return openWatchedSource<IdentityState>({
    what: 'identity',
    paths: [certificateFile, keyFile, ...Object.values(bundleFiles), ...Object.values(crlFiles)],
    read: (findings) => readIdentity(options, clock, findings),
    clock,
    debounceMs,
  });
}

async function readIdentity(
  options: FileSourceOptions,
  clock: Clock,
  findings: Findings,
): Promise<Reading<IdentityState> | null> {
  const { trustDomain, bundleFiles, crlFiles = {} } = options;
  const certificate = await readLimited(options.certificateFile, findings);
  const key = await readLimited(options.keyFile, findings);
  const { bundles, crls } = await readTrustFiles({ bundleFiles, crlFiles, own: trustDomain }, findings);
  if (certificate === null || key === null || findings.errors > 0) return null;
  await warnIfReadableByOthers(options.keyFile, findings);
  const material: IdentityMaterial = { trustDomain, certificate, key, bundles, crls };
  return {
    contents: contentsKey([certificate, key, ...bundles.values(), ...crls.values()]),
    verify(generation, before) {
      const state = verifyIdentity(material, clock.now(), findings, before);
      return state === null ? null : { ...state, generation };
    },
  };
}

async function warnIfReadableByOthers(file: string, findings: Findings): Promise<void> {
  const { mode } = await stat(file).catch(() => ({ mode: 0 })); // gone meanwhile: the next load says so
  if ((mode & 0o007) !== 0)
    findings.warn(
      'LINT_KEY_MODE',
      { file },
      `the private key has mode ${(mode & 0o777).toString(8)}: other users can read or change it`,
      '`chmod 600`; in Kubernetes `defaultMode: 0400` with `fsGroup`',
    );
}
