// The corpus: every bad chain and every good one, by topic.
import { GOOD_CHAINS } from './good-chains.ts';
import { BAD_LEAVES } from './leaf-profile.ts';
import { OUT_OF_BOUNDS } from './names-out-of-bounds.ts';
import { ODD_ENCODINGS } from './odd-encodings.ts';
import { REVOKED } from './revocation.ts';
import type { Row } from './sample.ts';
import { BAD_CAS } from './signing-certificates.ts';
import { BAD_IDS } from './spiffe-ids.ts';
import { WEAK_KEYS, WEAK_SIGNATURES } from './weak-algorithms.ts';
import { WRONG_PATHS } from './wrong-paths.ts';

/** Bad chains by topic. */
export const BAD: Readonly<Record<string, readonly Row[]>> = {
  'SPIFFE IDs': BAD_IDS,
  leaves: BAD_LEAVES,
  'signing certificates': BAD_CAS,
  'name constraints': OUT_OF_BOUNDS,
  keys: WEAK_KEYS,
  signatures: WEAK_SIGNATURES,
  'encodings and times': ODD_ENCODINGS,
  paths: WRONG_PATHS,
  revocation: REVOKED,
};

export const GOOD = GOOD_CHAINS;
export const BAD_ROWS: readonly (Row & { readonly topic: string })[] = Object.entries(BAD).flatMap(
  ([topic, rows]) => rows.map((row) => ({ ...row, topic })),
);

/** Why two implementations may differ on a row. */
export type { Row } from './sample.ts';
