// What the parts of the issuer share: one state, one clock, one audit log.
import type { Clock } from '../../core/clock.ts';
import type { AuditLog } from './audit-log.ts';
import type { Authorities } from './authorities.ts';
import type { Counted } from './counters.ts';
import type { JoinTokens } from './join-tokens.ts';
import type { TrustPublisher } from './published-trust.ts';
import type { IssuerSettings } from './settings.ts';
import type { StateDatabase } from './state-database.ts';
import type { Svids } from './svids.ts';

export interface IssuerParts {
  readonly settings: IssuerSettings;
  readonly clock: Clock;
  readonly db: StateDatabase;
  readonly authorities: Authorities;
  readonly trust: TrustPublisher;
  readonly svids: Svids;
  readonly tokens: JoinTokens;
  readonly audit: AuditLog;
  readonly counters: Counted;
}
