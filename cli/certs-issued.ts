// `sallyport certs issued`: which SVIDs the issuer has given out, newest first.
import { type AdminAnswer, askAdminLines } from '../certs/issuer/admin/client.ts';
import { parseSpiffeId } from '../core/spiffe-id.ts';
import { parseOptions, usage } from './args.ts';
import { adminSocket, fromNow, ISSUER_OPTIONS, ISSUER_USAGE } from './certs-admin.ts';
import type { Verb } from './io.ts';
import { type Cell, table } from './table.ts';
import { jsonText } from './text.ts';

/** One line for `--help`. */
export const CERTS_ISSUED_USAGE = `sallyport certs issued [ID] [--only STATE] [--limit N] ${ISSUER_USAGE}`;

const STATES = ['valid', 'revoked', 'expired'];

export const certsIssued: Verb = async (args, io) => {
  const { values, positionals } = parseOptions(
    {
      args: [...args],
      allowPositionals: true,
      options: {
        only: { type: 'string' },
        limit: { type: 'string', default: '100' },
        ...ISSUER_OPTIONS,
      },
    },
    CERTS_ISSUED_USAGE,
  );
  const [id, ...extra] = positionals;
  if (extra.length > 0) throw usage('one SPIFFE ID at most', CERTS_ISSUED_USAGE);
  const { only, limit } = values;
  if (only !== undefined && !STATES.includes(only))
    throw usage(`\`--only ${only}\` is no state`, `one of ${STATES.join(', ')}`);
  if (!/^[1-9][0-9]{0,4}$/.test(limit)) throw usage(`\`--limit ${limit}\` is no number`, 'e.g. `--limit 20`');
  const query = new URLSearchParams({
    limit,
    ...(id !== undefined && { spiffeId: parseSpiffeId(id).uri }),
    ...(only !== undefined && { state: only }),
  });
  const nowMs = Date.now();
  const rows: Cell[][] = [];
  for await (const row of askAdminLines(await adminSocket(io, values), { path: `/v1/issued?${query}` })) {
    if (values.json) io.out(jsonText(row.value));
    else rows.push(cellsOf(row, nowMs));
  }
  if (values.json) return 0;
  if (rows.length === 0) io.out('none\n');
  else
    io.out(
      table(
        io,
        ['state', 'SPIFFE ID', 'ends', 'attested by', 'from', 'serial'].map((title) => ({
          title,
          align: 'left' as const,
        })),
        rows,
      ),
    );
  return 0;
};

function cellsOf(row: AdminAnswer, nowMs: number): Cell[] {
  const endsMs = row.number('notAfterMs');
  return [
    stateOf(row, endsMs <= nowMs),
    { text: row.text('spiffeId') },
    { text: fromNow(endsMs, nowMs) },
    { text: row.text('attestation') },
    { text: row.text('from') },
    { text: row.text('serial'), style: 'dim' },
  ];
}

function stateOf(row: AdminAnswer, ended: boolean): Cell {
  if (row.part('revoked') !== null) return { text: 'revoked', style: 'red' };
  if (ended) return { text: 'expired', style: 'dim' };
  return row.numberOrNull('renewAskedAtMs') === null
    ? { text: 'valid', style: 'green' }
    : { text: 'rotating', style: 'yellow' };
}
