// Opens the state folder and puts the parts of the issuer together. A state that is there is opened or
// refused; a new CA is made in an empty folder only, and appears complete or not at all.
import type { KeyObject } from 'node:crypto';
import { type DerEncoder, loadEncoder } from '../authority/encode-der.ts';
import { AuditLog } from './audit-log.ts';
import { Authorities } from './authorities.ts';
import { Counted } from './counters.ts';
import { EmbeddedIssuer, guarded, type Rewrap } from './embedded-issuer.ts';
import type { AuditEntry, Issuer, IssuerOptions } from './issuer.ts';
import { IssuerError } from './issuer-error.ts';
import { JoinTokens } from './join-tokens.ts';
import { TrustPublisher } from './published-trust.ts';
import { deriveWrappingKey, type KdfParameters, newKdfParameters } from './sealed-keys.ts';
import { type IssuerSettings, issuerSettings } from './settings.ts';
import {
  bytesOf,
  damaged,
  integerOf,
  openStateDatabase,
  type StateDatabase,
  textOf,
} from './state-database.ts';
import { createPrivate, finish, isFirstOpen, openStateFolder, type StateFiles } from './state-folder.ts';
import { Svids } from './svids.ts';

/** What only tests change. */
export interface OpenDetails {
  /** Last change to the open database before it is used. */
  readonly prepare?: (db: StateDatabase) => void;
  /** How much a new secret costs to try. */
  readonly kdfParameters?: () => KdfParameters;
}

/**
 * Opens the issuer; at the first time its state and its root are made.
 * @throws ERR_ISSUER_LOCKED, ERR_ISSUER_PERMISSIONS, ERR_ISSUER_SECRET, ERR_ISSUER_SCHEMA,
 * ERR_ISSUER_STATE, ERR_ISSUER_OPTIONS
 */
export async function openIssuer(options: IssuerOptions, details: OpenDetails = {}): Promise<Issuer> {
  const settings = issuerSettings(options);
  const files = openStateFolder(options.stateFolder);
  const encoder = await loadEncoder();
  const onProblem = options.onProblem ?? (() => {});
  const onAudit = guarded(options.onAudit ?? (() => {}), onProblem);
  const kdfParameters = details.kdfParameters ?? newKdfParameters;
  const given = { options, settings, encoder, kdfParameters, onAudit, onProblem };
  const wrapping = isFirstOpen(files) ? await createState(files, given) : null;
  const db = await openStateDatabase(files.database, true);
  try {
    if (db.version() === 0) throw damaged(`\`${files.database}\` is empty`);
    db.migrate();
    details.prepare?.(db);
    return assemble(db, given, wrapping);
  } catch (error) {
    db.close();
    throw error;
  }
}

interface Given {
  readonly options: IssuerOptions;
  readonly settings: IssuerSettings;
  readonly encoder: DerEncoder;
  readonly kdfParameters: () => KdfParameters;
  readonly onAudit: (entry: AuditEntry) => void;
  readonly onProblem: (error: Error) => void;
}

/**
 * Makes the state under another name: a crash in between leaves nothing that could be taken for it.
 * @returns the wrapping key, which takes time to derive
 */
async function createState(files: StateFiles, given: Given): Promise<KeyObject | null> {
  createPrivate(files.unfinished);
  const db = await openStateDatabase(files.unfinished, false);
  try {
    // A crash before the rename leaves it complete: then it is opened like any other
    const wrapping = db.version() === 0 ? db.transact(() => firstRows(db, given)) : null;
    finish(files);
    return wrapping;
  } finally {
    db.close();
  }
}

function firstRows(db: StateDatabase, given: Given): KeyObject {
  const { options, settings } = given;
  db.migrate();
  const parameters = given.kdfParameters();
  const { salt, n, r, p } = parameters;
  db.change(
    db.prepare(
      'INSERT INTO issuer (one, trust_domain, sequence, kdf_salt, kdf_n, kdf_r, kdf_p) VALUES (1, ?, 1, ?, ?, ?, ?)',
    ),
    ...[settings.trustDomain, salt, n, r, p],
  );
  const nowMs = options.clock.now();
  const wrapping = deriveWrappingKey(options.secret, parameters);
  const id = authoritiesOf(db, { ...given, wrapping }).create('active', nowMs);
  const audit = new AuditLog(db, given.onAudit);
  audit.append('state-created', nowMs, { trustDomain: settings.trustDomain });
  audit.append('ca-activated', nowMs, { caId: id, before: null, author: 'first start', forced: false });
  return wrapping;
}

function assemble(db: StateDatabase, given: Given, derived: KeyObject | null): Issuer {
  const { options, settings } = given;
  const wrapping = derived ?? wrappingKey(db, given);
  const authorities = authoritiesOf(db, { ...given, wrapping });
  if (authorities.inState('active') === undefined) throw damaged('no CA is active');
  const audit = new AuditLog(db, given.onAudit);
  const parts = {
    ...{ settings, db, authorities, audit },
    clock: options.clock,
    trust: new TrustPublisher(db, authorities, settings),
    svids: new Svids(db),
    tokens: new JoinTokens(db),
    counters: new Counted(),
  };
  db.transact(() => audit.append('started', options.clock.now(), { trustDomain: settings.trustDomain }));
  return new EmbeddedIssuer(parts, rewrapper(db, given.kdfParameters), given.onProblem);
}

function authoritiesOf(db: StateDatabase, given: Given & { readonly wrapping: KeyObject }): Authorities {
  const { encoder, wrapping, settings } = given;
  const { trustDomain, caTtlMs, crlTtlMs } = settings;
  return new Authorities(db, { encoder, trustDomain, wrapping, caTtlMs, crlTtlMs });
}

/** The wrapping key of the state that is there. */
function wrappingKey(db: StateDatabase, { options, settings }: Given): KeyObject {
  const row = db.row(db.prepare('SELECT trust_domain, kdf_salt, kdf_n, kdf_r, kdf_p FROM issuer'));
  const trustDomain = textOf(row, 'trust_domain');
  if (trustDomain !== settings.trustDomain)
    throw new IssuerError(
      'ERR_ISSUER_OPTIONS',
      `the state is of trust domain \`${trustDomain}\`, not \`${settings.trustDomain}\``,
      { hint: 'every trust domain has a state folder of its own' },
    );
  const parameters: KdfParameters = {
    salt: bytesOf(row, 'kdf_salt'),
    n: integerOf(row, 'kdf_n'),
    r: integerOf(row, 'kdf_r'),
    p: integerOf(row, 'kdf_p'),
  };
  return deriveWrappingKey(options.secret, parameters);
}

/**
 * Derives the key of another secret; its parameters are written in the running transaction. A function of its
 * own, so that what lives as long as the issuer does not hold on to the options and the secret in them.
 */
function rewrapper(db: StateDatabase, kdfParameters: () => KdfParameters): Rewrap {
  const update = db.prepare('UPDATE issuer SET kdf_salt = ?, kdf_n = ?, kdf_r = ?, kdf_p = ?');
  return (secret) => {
    const parameters = kdfParameters();
    const { salt, n, r, p } = parameters;
    const key = deriveWrappingKey(secret, parameters);
    db.change(update, salt, n, r, p);
    return key;
  };
}
