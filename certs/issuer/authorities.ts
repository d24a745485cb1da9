// The roots of the issuer: rows of the database, and for those not retired the key in memory. What
// certs/authority does with PEM and files happens here with KeyObjects and rows.
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { SpiffeId, TrustDomain } from '../../core/spiffe-id.ts';
import {
  authorityKeyIdentifier,
  buildCertificate,
  buildCrl,
  crlNumber,
} from '../authority/build-certificate.ts';
import {
  authorityName,
  authorityProfile,
  BACKDATE_MS,
  keyId,
  leafProfile,
  serialInteger,
} from '../authority/certificate-profile.ts';
import type { DerEncoder } from '../authority/encode-der.ts';
import { CRL_ENTRIES_MAX, CRL_KEPT_AFTER_END_MS } from '../limits.ts';
import { type Certificate, parseCertificate } from '../x509/certificate.ts';
import type { CaRow, CaState } from './issuer.ts';
import { IssuerError } from './issuer-error.ts';
import { sealKey, unsealKey } from './sealed-keys.ts';
import { bytesOf, integerOf, integerOrNull, type Row, type StateDatabase, textOf } from './state-database.ts';

/** A root that is published. */
export interface LiveCa extends CaRow {
  readonly certificate: Certificate;
  readonly key: KeyObject;
  readonly crlDer: Buffer;
  readonly crlThisUpdateMs: number;
  readonly crlNextUpdateMs: number;
}

export interface AuthoritiesOptions {
  readonly encoder: DerEncoder;
  readonly trustDomain: TrustDomain;
  readonly wrapping: KeyObject;
  readonly caTtlMs: number;
  readonly crlTtlMs: number;
}

/** Changes happen inside a transaction of the caller; memory follows when it commits. */
export class Authorities {
  readonly #db: StateDatabase;
  readonly #options: AuthoritiesOptions;
  readonly #statements;
  /** Keys of the roots that memory or the running transaction knows, by id. */
  readonly #keys = new Map<string, KeyObject>();
  #wrapping: KeyObject;
  #live: readonly LiveCa[] = [];
  #changed = false;

  /** @throws ERR_ISSUER_SECRET, ERR_ISSUER_STATE */
  constructor(db: StateDatabase, options: AuthoritiesOptions) {
    this.#db = db;
    this.#options = options;
    this.#wrapping = options.wrapping;
    this.#statements = {
      live: db.prepare(`SELECT id, state, certificate, sealed_key, published_at_ms, activated_at_ms,
          (SELECT max(not_after_ms) FROM svid WHERE ca_id = id) AS last_svid_end_ms,
          der, this_update_ms, next_update_ms
        FROM ca JOIN crl ON ca_id = id WHERE state <> 'retired' ORDER BY published_at_ms, ca.rowid`),
      insert:
        db.prepare(`INSERT INTO ca (id, state, certificate, sealed_key, published_at_ms, activated_at_ms)
        VALUES (?, ?, ?, ?, ?, ?)`),
      activate: db.prepare(`UPDATE ca SET state = 'active', activated_at_ms = ? WHERE id = ?`),
      retiring: db.prepare(`UPDATE ca SET state = 'retiring' WHERE state = 'active'`),
      retire: db.prepare(`UPDATE ca SET state = 'retired', sealed_key = NULL WHERE id = ?`),
      seal: db.prepare('UPDATE ca SET sealed_key = ? WHERE id = ?'),
      crlNumber: db.prepare('SELECT number FROM crl WHERE ca_id = ?'),
      crl: db.prepare(`INSERT OR REPLACE INTO crl (ca_id, number, this_update_ms, next_update_ms, der)
        VALUES (?, ?, ?, ?, ?)`),
      forgetCrl: db.prepare('DELETE FROM crl WHERE ca_id = ?'),
      revoked: db.prepare(`SELECT serial, revoked_at_ms FROM svid
        WHERE ca_id = ? AND not_after_ms > ? AND revoked_at_ms IS NOT NULL ORDER BY not_after_ms LIMIT ?`),
    };
    this.#live = this.#load();
    db.afterEach({
      commit: () => {
        if (this.#changed) this.#live = this.#load();
        this.#changed = false;
      },
      rollback: () => {
        this.#changed = false;
      },
    });
  }

  /** Published roots, oldest first, as of the last commit; `lastSvidEndMs` as of the last `refresh`. */
  get live(): readonly LiveCa[] {
    return this.#live;
  }

  /** Reads the rows again. */
  refresh(): readonly LiveCa[] {
    this.#live = this.#load();
    return this.#live;
  }

  inState(state: CaState): LiveCa | undefined {
    return this.#live.find((ca) => ca.state === state);
  }

  /** Makes a root; its id. */
  create(state: 'prepared' | 'active', nowMs: number): string {
    const { encoder, trustDomain, caTtlMs } = this.#options;
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const spki = publicKey.export({ format: 'der', type: 'spki' });
    const subject = authorityName(encoder, trustDomain);
    const names = { spki, subject, issuer: subject, issuerSpki: spki, endMs: Infinity };
    const profile = authorityProfile(encoder, { trustDomain, pathLength: 0, ttlMs: caTtlMs, nowMs }, names);
    const certificate = parseCertificate(buildCertificate(encoder, profile, { key: privateKey }));
    const id = keyId(spki).toString('hex');
    this.#db.change(
      this.#statements.insert,
      ...[id, state, certificate.der, sealKey(privateKey, this.#wrapping, { trustDomain, keyId: id })],
      ...[nowMs, state === 'active' ? nowMs : null],
    );
    this.#writeCrl({ id, certificate, key: privateKey }, { number: 1, nowMs, revoked: [] });
    this.#keys.set(id, privateKey);
    this.#changed = true;
    return id;
  }

  /** `id` signs from now on; the one that did before is retiring. */
  activate(id: string, nowMs: number): void {
    this.#db.change(this.#statements.retiring);
    this.#db.change(this.#statements.activate, nowMs, id);
    this.#changed = true;
  }

  /** Takes a root out of the bundle and destroys its key. */
  retire(id: string): void {
    this.#db.change(this.#statements.retire, id);
    this.#db.change(this.#statements.forgetCrl, id);
    this.#changed = true;
  }

  /** Signs an SVID with the active root. @throws ERR_ISSUER_CA */
  signSvid(request: {
    readonly spiffeId: SpiffeId;
    readonly dnsNames: readonly string[];
    readonly publicKeySpki: Buffer;
    readonly nowMs: number;
    readonly ttlMs: number;
  }): { readonly ca: LiveCa; readonly certificateDer: Buffer; readonly certificate: CertificateTimes } {
    const ca = this.inState('active');
    if (ca === undefined || request.nowMs >= ca.notAfterMs)
      throw new IssuerError('ERR_ISSUER_CA', 'the active CA has expired and its successor is not active yet');
    if (request.nowMs < ca.notBeforeMs)
      throw new IssuerError('ERR_ISSUER_CA', 'the clock is behind the beginning of the active CA');
    const { spiffeId, publicKeySpki, ...rest } = request;
    const { encoder } = this.#options;
    const spec = leafProfile(
      encoder,
      { ...rest, spiffeId: spiffeId.uri },
      { spiffeId, spki: publicKeySpki, issuer: ca.certificate },
    );
    const certificateDer = buildCertificate(encoder, spec, { key: ca.key });
    const { notBeforeMs, notAfterMs } = spec;
    return {
      ca,
      certificateDer,
      certificate: { serial: spec.serial.toString('hex'), notBeforeMs, notAfterMs },
    };
  }

  /** Signs the CRL of a root anew from the rows of revoked SVIDs. */
  signCrl(id: string, nowMs: number): void {
    const ca = this.#live.find((one) => one.id === id);
    if (ca === undefined) return; // of a retired root there is nothing left to revoke
    const rows = this.#db.rows(
      this.#statements.revoked,
      ...[id, nowMs - CRL_KEPT_AFTER_END_MS, CRL_ENTRIES_MAX + 1],
    );
    if (rows.length > CRL_ENTRIES_MAX)
      throw new IssuerError('ERR_ISSUER_REQUEST', `more than ${CRL_ENTRIES_MAX} serials would be revoked`, {
        hint: 'withdraw the CA: prepare, activate and retire it by force',
      });
    const number = integerOf(this.#db.row(this.#statements.crlNumber, id), 'number') + 1;
    this.#writeCrl(ca, { number, nowMs, revoked: rows });
  }

  /** Encrypts every key under another wrapping key. */
  rewrap(wrapping: KeyObject): void {
    const { trustDomain } = this.#options;
    for (const { id, key } of this.#live)
      this.#db.change(this.#statements.seal, sealKey(key, wrapping, { trustDomain, keyId: id }), id);
  }

  /** The wrapping key of roots to come; after the commit of `rewrap`. */
  useWrapping(wrapping: KeyObject): void {
    this.#wrapping = wrapping;
  }

  #writeCrl(
    ca: { readonly id: string; readonly certificate: Certificate; readonly key: KeyObject },
    content: { readonly number: number; readonly nowMs: number; readonly revoked: readonly Row[] },
  ): void {
    const { encoder, crlTtlMs } = this.#options;
    const thisUpdateMs = content.nowMs - BACKDATE_MS;
    const nextUpdateMs = thisUpdateMs + crlTtlMs;
    const spec = {
      issuer: Buffer.from(ca.certificate.subject, 'latin1'),
      thisUpdateMs,
      nextUpdateMs,
      revoked: content.revoked.map((row) => ({
        serial: serialInteger(textOf(row, 'serial')),
        revokedAtMs: integerOf(row, 'revoked_at_ms'),
      })),
      extensions: [
        authorityKeyIdentifier(encoder, Buffer.from(ca.id, 'hex')),
        crlNumber(encoder, content.number),
      ],
    };
    const der = buildCrl(encoder, spec, { key: ca.key });
    this.#db.change(this.#statements.crl, ca.id, content.number, thisUpdateMs, nextUpdateMs, der);
    this.#changed = true;
  }

  #load(): readonly LiveCa[] {
    const live = this.#db.rows(this.#statements.live).map((row) => this.#read(row));
    for (const id of [...this.#keys.keys()]) if (!live.some((ca) => ca.id === id)) this.#keys.delete(id);
    return live;
  }

  #read(row: Row): LiveCa {
    const id = textOf(row, 'id');
    const known = this.#live.find((ca) => ca.id === id);
    const certificate = known?.certificate ?? parseCertificate(bytesOf(row, 'certificate'));
    const place = { trustDomain: this.#options.trustDomain, keyId: id };
    const key = this.#keys.get(id) ?? unsealKey(bytesOf(row, 'sealed_key'), this.#wrapping, place);
    this.#keys.set(id, key);
    return {
      id,
      state: stateOf(row),
      certificate,
      key,
      fingerprintSha256: certificate.fingerprintSha256,
      publishedAtMs: integerOf(row, 'published_at_ms'),
      activatedAtMs: integerOrNull(row, 'activated_at_ms'),
      notBeforeMs: certificate.notBeforeMs,
      notAfterMs: certificate.notAfterMs,
      lastSvidEndMs: integerOrNull(row, 'last_svid_end_ms'),
      crlDer: bytesOf(row, 'der'),
      crlThisUpdateMs: integerOf(row, 'this_update_ms'),
      crlNextUpdateMs: integerOf(row, 'next_update_ms'),
    };
  }
}

interface CertificateTimes {
  readonly serial: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

function stateOf(row: Row): CaState {
  const state = textOf(row, 'state');
  if (state === 'prepared' || state === 'active' || state === 'retiring') return state;
  throw new IssuerError('ERR_ISSUER_STATE', 'a CA is in an unknown state');
}
