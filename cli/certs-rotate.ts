// `sallyport certs rotate`: have SVIDs replaced, or take the CA one step on.
import { type AdminAnswer, askAdmin } from '../certs/issuer/admin/client.ts';
import { parseOptions, usage } from './args.ts';
import { adminSocket, author, fromNow, ISSUER_OPTIONS, ISSUER_USAGE } from './certs-admin.ts';
import { readTarget, tellSerials } from './certs-revoke.ts';
import type { Io, Verb } from './io.ts';
import { type Cell, table } from './table.ts';

/** One line for `--help`. */
export const CERTS_ROTATE_USAGE = `sallyport certs rotate ID|SERIAL|--ca STEP [--force] ${ISSUER_USAGE}`;

const STEPS = ['prepare', 'activate', 'retire', 'status'];

export const certsRotate: Verb = async (args, io) => {
  const { values, positionals } = parseOptions(
    {
      args: [...args],
      allowPositionals: true,
      options: {
        ca: { type: 'string' },
        force: { type: 'boolean', default: false },
        ...ISSUER_OPTIONS,
      },
    },
    CERTS_ROTATE_USAGE,
  );
  if (values.ca === undefined) {
    if (values.force) throw usage('`--force` is for a step of the CA', CERTS_ROTATE_USAGE);
    const target = readTarget(positionals, CERTS_ROTATE_USAGE);
    const socket = await adminSocket(io, values);
    const answer = await askAdmin(socket, { path: '/v1/rotate', body: { target, author: author() } });
    if (values.json) io.out(`${JSON.stringify(answer.value)}\n`);
    else tellSerials(io, answer.texts('rotating'), 'rotating', 'yellow');
    return 0;
  }
  const step = values.ca;
  if (positionals.length > 0) throw usage('a step of the CA takes no target', CERTS_ROTATE_USAGE);
  if (!STEPS.includes(step)) throw usage(`\`--ca ${step}\` is no step`, `one of ${STEPS.join(', ')}`);
  const socket = await adminSocket(io, values);
  const status = await askAdmin(
    socket,
    step === 'status'
      ? { path: '/v1/ca' }
      : { path: '/v1/ca/rotate', body: { step, force: values.force, author: author() } },
  );
  if (values.json) io.out(`${JSON.stringify(status.value)}\n`);
  else showCa(io, status);
  return 0;
};

const STYLES: Readonly<Record<string, Cell['style']>> = {
  active: 'green',
  prepared: 'yellow',
  retiring: 'dim',
};

function showCa(io: Io, status: AdminAnswer): void {
  const nowMs = Date.now();
  const rows = status.items('authorities').map((ca): Cell[] => {
    const state = ca.text('state');
    const style = STYLES[state];
    const lastMs = ca.numberOrNull('lastSvidEndMs');
    return [
      { text: state, ...(style !== undefined && { style }) },
      { text: ca.text('fingerprintSha256').slice(0, 16) },
      { text: fromNow(ca.number('publishedAtMs'), nowMs) },
      { text: fromNow(ca.number('notAfterMs'), nowMs) },
      { text: lastMs === null ? '-' : fromNow(lastMs, nowMs) },
    ];
  });
  const columns = ['CA', 'SHA-256', 'published', 'ends', 'last SVID ends'];
  io.out(
    table(
      io,
      columns.map((title) => ({ title, align: 'left' as const })),
      rows,
    ),
  );
  for (const step of ['prepare', 'activate', 'retire']) {
    const atMs = status.numberOrNull(`${step}AtMs`);
    if (atMs !== null) io.out(`${step}: by itself ${fromNow(atMs, nowMs)}\n`);
  }
}
