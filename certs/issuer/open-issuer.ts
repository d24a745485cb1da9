// Opens the state folder and puts the parts of the issuer together.
import type { Issuer, IssuerOptions } from './issuer.ts';

/**
 * Opens the issuer; at the first time its state and its root are made.
 * @throws ERR_ISSUER_LOCKED, ERR_ISSUER_PERMISSIONS, ERR_ISSUER_SECRET, ERR_ISSUER_SCHEMA,
 * ERR_ISSUER_STATE, ERR_ISSUER_OPTIONS
 */
export async function openIssuer(options: IssuerOptions): Promise<Issuer> {
  throw new Error(`the issuer in ${options.stateFolder} is not built yet`);
}
