// `sallyport certs audit`: who got what, when and why, and whether the record is whole.
import { type AdminAnswer, askAdmin, askAdminLines } from '../certs/issuer/admin/client.ts';
import { SallyportError } from '../core/errors.ts';
import { parseOptions, parseTime, usage } from './args.ts';
import { adminSocket, ISSUER_OPTIONS, ISSUER_USAGE } from './certs-admin.ts';
import type { Io, Verb } from './io.ts';
import { paint } from './paint.ts';
import { jsonText, printable } from './text.ts';

/** One line for `--help`. */
export const CERTS_AUDIT_USAGE = `sallyport certs audit [--verify] [--after SEQUENCE] [--before TIME]
  ${ISSUER_USAGE}`;

/** Exit 1 when the chain of hashes is broken. */
export const certsAudit: Verb = async (args, io) => {
  const { values } = parseOptions(
    {
      args: [...args],
      options: {
        verify: { type: 'boolean', default: false },
        after: { type: 'string' },
        before: { type: 'string' },
        ...ISSUER_OPTIONS,
      },
    },
    CERTS_AUDIT_USAGE,
  );
  const beforeMs = values.before === undefined ? Infinity : parseTime('--before', values.before);
  const after = parseSequence(values.after ?? '0');
  if (values.verify && (values.after ?? values.before) !== undefined)
    throw usage('`--verify` is about the whole log', 'leave `--after` and `--before` out');
  const socket = await adminSocket(io, values);
  if (values.verify) return verify(socket, values.json, io);
  for await (const line of askAdminLines(socket, { path: `/v1/audit?after=${after}` })) {
    const entry = readEntry(line);
    if (Date.parse(String(entry['time'])) >= beforeMs) continue; // a clock may have gone back: to the end
    if (values.json) io.out(jsonText({ ...entry, hash: line.text('hash') }));
    else show(io, entry, line.text('hash'));
  }
  return 0;
};

function parseSequence(text: string): number {
  const sequence = Number(text);
  if (!Number.isSafeInteger(sequence) || sequence < 0)
    throw usage(`\`--after ${text}\` is not a sequence number`, 'the last one that you have');
  return sequence;
}

async function verify(socket: string, json: boolean, io: Io): Promise<number> {
  const verdict = await askAdmin(socket, { path: '/v1/audit/verdict' });
  const ok = verdict.flag('ok');
  if (json) io.out(jsonText(verdict.value));
  else if (ok)
    io.out(
      `${paint(io, 'green', 'whole')}: ${verdict.number('length')} entries up to ${verdict.text('hash')}\n`,
    );
  else
    io.out(
      `${paint(io, 'red', 'broken')} at entry ${verdict.number('brokenAt')}: ${verdict.text('message')}\n`,
    );
  return ok ? 0 : 1;
}

/** An entry's own JSON: an object of ours, shown as it is. */
function readEntry(line: AdminAnswer): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(line.text('entry'));
  if (typeof value !== 'object' || value === null)
    throw new SallyportError('ERR_ISSUER_ANSWER', 'an entry of the audit log is not a JSON object');
  return Object.fromEntries(Object.entries(value));
}

const HEAD = new Set(['sequence', 'time', 'event']);
const HASH_SHOWN = 12;

function show(io: Io, entry: Readonly<Record<string, unknown>>, hash: string): void {
  const rest = Object.entries(entry)
    .filter(([key, value]) => !HEAD.has(key) && value !== null)
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
  const sequence = String(entry['sequence']).padStart(6);
  const event = printable(String(entry['event'])).padEnd(16);
  const short = paint(io, 'dim', hash.slice(0, HASH_SHOWN));
  io.out(
    `${sequence}  ${String(entry['time'])}  ${paint(io, 'bold', event)}  ${short}  ${printable(rest)}\n`,
  );
}
