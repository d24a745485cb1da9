// The command line of `bench --target`.
import { parseArgs } from 'node:util';
import { didYouMean, SallyportError } from '../../core/errors.ts';
import { parseSpiffeId } from '../../core/spiffe-id.ts';
import { isAdded, type Objective, parseSlo } from './slo.ts';

export interface TargetOptions {
  readonly target: URL;
  readonly direct: URL | null;
  readonly files: { readonly cert: string | null; readonly key: string | null; readonly ca: string | null };
  readonly servername: string | null;
  readonly serverId: string | null;
  readonly insecure: boolean;
  readonly method: string;
  /** `name: value`, valid. */
  readonly headers: readonly string[];
  readonly body: string | null;
  /** Null = any 2xx. */
  readonly expect: number | null;
  /** Requests a second, ascending. */
  readonly rates: readonly number[];
  readonly connections: number;
  readonly seconds: number;
  readonly rounds: number;
  readonly warmupSeconds: number;
  readonly timeoutSeconds: number;
  readonly objectives: readonly Objective[];
  /** A path, `-` for standard output, or null. */
  readonly json: string | null;
}

const RATE_MAX = 50_000;
/** Of final responses. */
const STATUSES = { min: 200, max: 599, whole: true };
const HEADER_BYTES_MAX = 8_192;
const HEADERS_MAX = 100;
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
/** Fields that say where a message ends or what follows it: they are this program's. */
const FRAMING_FIELDS = new Set([
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

const OPTIONS = {
  target: { type: 'string' },
  direct: { type: 'string' },
  cert: { type: 'string' },
  key: { type: 'string' },
  ca: { type: 'string' },
  servername: { type: 'string' },
  'server-id': { type: 'string' },
  insecure: { type: 'boolean', default: false },
  method: { type: 'string' },
  header: { type: 'string', multiple: true },
  body: { type: 'string' },
  expect: { type: 'string' },
  rate: { type: 'string', default: '100' },
  connections: { type: 'string', default: '16' },
  seconds: { type: 'string', default: '10' },
  rounds: { type: 'string', default: '5' },
  warmup: { type: 'string', default: '1' },
  timeout: { type: 'string', default: '10' },
  slo: { type: 'string' },
  json: { type: 'string' },
} as const;

/** Reads arguments. @throws ERR_USAGE, ERR_SLO, ERR_SPIFFE_ID */
export function parseTargetOptions(args: readonly string[]): TargetOptions {
  const values = parse(args);
  const target = readUrl('target', values.target ?? '');
  const direct = values.direct === undefined ? null : readDirect(values.direct, target);
  if ((values.cert === undefined) !== (values.key === undefined))
    throw usage('`--cert` and `--key` belong together', 'name both files, or neither');
  const serverId = values['server-id'] ?? null;
  if (serverId !== null) parseSpiffeId(serverId);
  if (serverId !== null && values.insecure)
    throw usage('`--insecure` verifies nothing, so no `--server-id` either', 'leave one of them out');
  const isPlain = target.protocol === 'http:' && direct?.protocol !== 'https:';
  const tlsOption = (['cert', 'ca', 'servername', 'server-id'] as const).find((n) => values[n] !== undefined);
  if (isPlain && (tlsOption ?? (values.insecure ? 'insecure' : undefined)) !== undefined)
    throw usage(`\`--${tlsOption ?? 'insecure'}\` is for TLS, and the target is http://`, 'https://…?');
  const objectives = values.slo === undefined ? [] : parseSlo(values.slo);
  const added = objectives.find(({ metric }) => isAdded(metric));
  if (added !== undefined && direct === null)
    throw usage(
      `\`${added.text}\` compares with the application itself, and \`--direct\` is missing`,
      'name its address without the proxy: `--direct http://127.0.0.1:8080`',
    );
  return {
    target,
    direct,
    files: { cert: values.cert ?? null, key: values.key ?? null, ca: values.ca ?? null },
    servername: values.servername ?? null,
    serverId,
    insecure: values.insecure,
    method: readMethod(values.method ?? (values.body === undefined ? 'GET' : 'POST'), values.body),
    headers: readHeaders(values.header ?? []),
    body: values.body ?? null,
    expect: values.expect === undefined ? null : readNumber('expect', values.expect, STATUSES),
    rates: readRates(values.rate),
    connections: readNumber('connections', values.connections, { min: 1, max: 10_000, whole: true }),
    seconds: readNumber('seconds', values.seconds, { min: 0.1, max: 3_600 }),
    rounds: readNumber('rounds', values.rounds, { min: 1, max: 1_000, whole: true }),
    warmupSeconds: readNumber('warmup', values.warmup, { min: 0, max: 3_600 }),
    timeoutSeconds: readNumber('timeout', values.timeout, { min: 0.1, max: 600 }),
    objectives,
    json: values.json ?? null,
  };
}

function usage(message: string, hint: string): SallyportError {
  return new SallyportError('ERR_USAGE', message, { hint });
}

// The result type is parseArgs' own: it follows OPTIONS.
function parse(args: readonly string[]) {
  // `--json` alone is standard output, which parseArgs cannot say.
  const named = args.map((arg, i) => {
    const next = args[i + 1];
    return arg === '--json' && (next === undefined || next.startsWith('--')) ? '--json=-' : arg;
  });
  try {
    return parseArgs({ args: named, options: OPTIONS }).values;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const unknown = /^Unknown option '--?([^']*)'/.exec(error.message)?.[1];
    if (unknown === undefined) throw usage(error.message, '`--target URL --help` lists the options');
    const near = didYouMean(unknown, Object.keys(OPTIONS));
    const hint =
      near === undefined ? '`--target URL --help` lists the options' : `did you mean \`--${near}\`?`;
    throw usage(`unknown option \`--${unknown}\``, hint);
  }
}

function readUrl(option: string, text: string): URL {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    throw usage(`\`--${option} ${text}\` is no URL`, 'https://HOST:PORT/PATH, or http://…');
  if (url.username !== '' || url.password !== '')
    throw usage(`\`--${option}\` has a user name`, "send it as `--header 'authorization: Basic …'`");
  return url;
}

/** Without a path of its own, the target's: the same question to the same application. */
function readDirect(text: string, target: URL): URL {
  const url = readUrl('direct', text);
  if (url.pathname === '/' && url.search === '') {
    url.pathname = target.pathname;
    url.search = target.search;
  }
  return url;
}

function readMethod(text: string, body: string | undefined): string {
  const method = text.toUpperCase();
  if (!METHODS.includes(method))
    throw usage(`\`--method ${text}\` is not known`, `one of ${METHODS.join(', ')}`);
  if (body !== undefined && (method === 'GET' || method === 'HEAD'))
    throw usage(`a ${method} has no body`, 'leave `--body` out, or name another `--method`');
  return method;
}

function readHeaders(lines: readonly string[]): string[] {
  if (lines.length > HEADERS_MAX) throw usage(`more than ${HEADERS_MAX} headers`, 'leave some out');
  return lines.map((line) => {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0)).trim();
    const value = line.slice(colon + 1).trim();
    // RFC 9110 section 5.1 and 5.5
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) || !/^[\t\x20-\x7e\x80-\xff]*$/.test(value))
      // The value may be a secret.
      throw usage(`\`--header ${name || '…'}\` is no header field`, "write 'name: value'");
    if (line.length > HEADER_BYTES_MAX) throw usage(`\`--header ${name}\` is too long`, '8 KiB at most');
    if (FRAMING_FIELDS.has(name.toLowerCase()))
      throw usage(`\`--header ${name}\` is set by this program`, 'leave it out');
    return `${name}: ${value}`;
  });
}

function readRates(text: string): number[] {
  const rates = text.split(',').map((rate) => readNumber('rate', rate, { min: 0.1, max: RATE_MAX }));
  return [...new Set(rates)].sort((a, b) => a - b);
}

function readNumber(
  name: string,
  text: string,
  range: { readonly min: number; readonly max: number; readonly whole?: boolean },
): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (value >= range.min && value <= range.max && (range.whole !== true || Number.isInteger(value)))
    return value;
  const kind = range.whole === true ? 'a whole number' : 'a number';
  throw usage(`\`--${name} ${text}\` is out of range`, `${kind} from ${range.min} to ${range.max}`);
}
