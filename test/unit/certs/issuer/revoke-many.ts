// A state with many revoked SVIDs, without the hours that issuing them takes. The next revocation lists them.
import type { StateDatabase } from '../../../../certs/issuer/state-database.ts';

/** `count` rows as of SVIDs that were issued and revoked. */
export function revokeMany(db: StateDatabase, count: number): void {
  const ca = db.row(db.prepare("SELECT id FROM ca WHERE state = 'active'"))['id'] ?? '';
  const insert = db.prepare(
    `INSERT INTO svid (serial, spiffe_id, ca_id, attestation, dns_names, from_address, issued_at_ms,
     not_after_ms, revoked_at_ms, revoked_cause, revoked_reason)
     VALUES (?, 'spiffe://example.org/w', ?, 'local', '[]', '', ?, ?, ?, 'operator', 'test')`,
  );
  const nowMs = Date.now();
  db.transact(() => {
    for (let i = 0; i < count; i++) {
      const serial = (2n ** 150n + BigInt(i)).toString(16);
      db.change(insert, serial, ca, nowMs, nowMs + 86_400_000, nowMs);
    }
  });
}
