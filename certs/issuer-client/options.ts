// What a client of the issuer is told.
import type { KeyObject } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import type { Diagnostic } from '../../core/errors.ts';
import type { TrustDomain } from '../../core/spiffe-id.ts';
import type { RequestKeyType } from './certificate-request.ts';
import type { IssuerAddress } from './connect.ts';

/** How an issuer is followed. */
export interface IssuerSourceOptions {
  readonly address: IssuerAddress;
  readonly trustDomain: TrustDomain;
  /** Made with mode 0700; belongs to this one workload. */
  readonly stateDirectory: string;
  readonly bundleFile?: string | undefined;
  readonly joinTokenFile?: string | undefined;
  readonly serviceAccountTokenFile?: string | undefined;
  readonly keyType?: RequestKeyType | undefined;
  readonly clock?: Clock;
  /** 0 to 1, for jitter. */
  readonly random?: () => number;
  /** Where keys come from; default: a new one of `keyType` for every SVID. */
  readonly makeKey?: () => Promise<KeyObject>;
  /** Ends the wait for the first SVID. */
  readonly signal?: AbortSignal | undefined;
  /** Told why there is no SVID yet, whenever that changes. */
  readonly onWaiting?: (problems: readonly Diagnostic[]) => void;
}
