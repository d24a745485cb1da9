// What the issuer tells everyone: roots, CRLs, foreign bundles, under a sequence number that grows with every
// change and survives restarts.
import type { TrustDomain } from '../../core/spiffe-id.ts';
import type { Authorities } from './authorities.ts';
import type { PublishedTrust } from './issuer.ts';
import type { IssuerSettings } from './settings.ts';
import { bytesOf, integerOf, type StateDatabase, textOf } from './state-database.ts';

export class TrustPublisher {
  readonly #db: StateDatabase;
  readonly #authorities: Authorities;
  readonly #settings: IssuerSettings;
  readonly #listeners = new Set<(trust: PublishedTrust) => void>();
  readonly #statements;
  #current: PublishedTrust;
  #changed = false;

  /** After `authorities`: it follows the same commits. */
  constructor(db: StateDatabase, authorities: Authorities, settings: IssuerSettings) {
    this.#db = db;
    this.#authorities = authorities;
    this.#settings = settings;
    this.#statements = {
      sequence: db.prepare('SELECT sequence FROM issuer'),
      next: db.prepare('UPDATE issuer SET sequence = sequence + 1'),
      federated: db.prepare(
        'SELECT trust_domain, certificate FROM federated ORDER BY trust_domain, position',
      ),
      clear: db.prepare('DELETE FROM federated'),
      insert: db.prepare('INSERT INTO federated (trust_domain, position, certificate) VALUES (?, ?, ?)'),
    };
    this.#current = this.#load();
    db.afterEach({
      commit: () => {
        if (!this.#changed) return;
        this.#changed = false;
        this.#current = this.#load();
        for (const listener of this.#listeners) listener(this.#current);
      },
      rollback: () => {
        this.#changed = false;
      },
    });
  }

  current(): PublishedTrust {
    return this.#current;
  }

  onTrust(listener: (trust: PublishedTrust) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The running transaction changes what is published; counts once per transaction. */
  change(): void {
    if (!this.#changed) this.#db.change(this.#statements.next);
    this.#changed = true;
  }

  /** Inside a transaction. False when nothing is new. */
  setFederated(bundles: ReadonlyMap<TrustDomain, readonly Buffer[]>): boolean {
    if (text(bundles) === text(this.#current.federated)) return false;
    this.#db.change(this.#statements.clear);
    for (const [trustDomain, certificates] of bundles)
      for (const [position, der] of certificates.entries())
        this.#db.change(this.#statements.insert, trustDomain, position, der);
    this.change();
    return true;
  }

  #load(): PublishedTrust {
    const federated = new Map<TrustDomain, Buffer[]>();
    for (const row of this.#db.rows(this.#statements.federated)) {
      const trustDomain = textOf(row, 'trust_domain');
      const certificates = federated.get(trustDomain) ?? [];
      certificates.push(bytesOf(row, 'certificate'));
      federated.set(trustDomain, certificates);
    }
    const { live } = this.#authorities;
    return {
      trustDomain: this.#settings.trustDomain,
      sequence: integerOf(this.#db.row(this.#statements.sequence), 'sequence'),
      refreshHintMs: this.#settings.refreshHintMs,
      rootsDer: live.map((ca) => ca.certificate.der),
      crlsDer: live.map((ca) => ca.crlDer),
      federated,
    };
  }
}

/** Same text, same bundles; a trust domain without certificates is like none. */
function text(bundles: ReadonlyMap<TrustDomain, readonly Buffer[]>): string {
  const entries = [...bundles].filter(([, certificates]) => certificates.length > 0);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(entries.map(([name, ders]) => [name, ders.map((der) => der.toString('base64'))]));
}
