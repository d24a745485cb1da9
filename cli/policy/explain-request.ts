// The three ways to name the request of `policy explain`: arguments, a JSON file, a line of the decision log.
import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { errorCode, SallyportError } from '../../core/errors.ts';
import { HTTP_PORT, splitTarget } from '../../policy/cases/request.ts';
import { usage } from '../args.ts';
import type { Io } from '../io.ts';
import { isRecord, parseRequestLines, type RequestLine, readRequestText } from './requests.ts';

/** What the arguments leave to options. */
export interface ArgumentOptions {
  readonly as: string | undefined;
  readonly namespace: string | undefined;
  /** Of the workload; null when not given. */
  readonly labels: Readonly<Record<string, string>> | null;
  readonly trustDomain: string;
  readonly usage: string;
}

/** `--as shop/web GET cart:8080/items/7` as a request. @throws ERR_USAGE */
export function requestOfArguments(positionals: readonly string[], options: ArgumentOptions): RequestLine {
  const [method, target, ...extra] = positionals;
  if (method === undefined || target === undefined || extra.length > 0)
    throw usage('a request is METHOD HOST[:PORT]/PATH', options.usage);
  const { host, port, path } = splitTarget(target);
  if (Number.isNaN(port)) throw usage(`\`${host}\` has no valid port`, options.usage);
  const value = {
    principal: principalOf(options),
    destination: {
      port: port ?? HTTP_PORT,
      ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
      labels: options.labels,
    },
    http: { method, path, host },
  };
  return { file: 'arguments', line: 1, value, text: positionals.join(' ') };
}

/** `--label app=cart` options as a mapping; null without any. @throws ERR_USAGE */
export function parseLabels(
  labels: readonly string[],
  hint: string,
): Readonly<Record<string, string>> | null {
  if (labels.length === 0) return null;
  return Object.fromEntries(
    labels.map((label) => {
      const equals = label.indexOf('=');
      if (equals < 1) throw usage(`\`--label ${label}\` is not KEY=VALUE`, hint);
      return [label.slice(0, equals), label.slice(equals + 1)];
    }),
  );
}

/** A caller: a SPIFFE ID, `namespace/account` of the local trust domain, or nobody. */
function principalOf({ as, trustDomain, usage: hint }: ArgumentOptions): string | null {
  if (as === undefined || as.startsWith('spiffe://')) return as ?? null;
  const parts = as.split('/');
  if (parts.length !== 2) throw usage(`\`--as ${as}\` is neither NS/SA nor a SPIFFE ID`, hint);
  return `spiffe://${trustDomain}/ns/${parts[0]}/sa/${parts[1]}`;
}

/** One JSON request, over several lines if it pleases. @throws ERR_REQUEST_FILE, ERR_REQUEST_INVALID */
export async function requestOfFile(file: string, io: Io): Promise<RequestLine> {
  const text = (await readRequestText(file, io)).trim();
  // Spaces for newlines: within JSON they mean the same, and a string cannot hold a raw one.
  const [line] = parseRequestLines(text.replaceAll('\n', ' '), file);
  if (line !== undefined) return { ...line, text: text.split('\n', 1)[0] ?? '' };
  throw new SallyportError('ERR_REQUEST_INVALID', `\`${file}\` holds no request`);
}

/** A line of the decision log to look for. */
export interface LogQuery {
  readonly id: string;
  readonly log: string;
  /** Labels of the workload, which lines do not carry; null when not given. */
  readonly labels: Readonly<Record<string, string>> | null;
}

/** The request of a decision log line. @throws ERR_REQUEST_FILE, ERR_REQUEST_NOT_FOUND */
export async function findInLog({ id, log, labels }: LogQuery, io: Io): Promise<RequestLine> {
  const lines = createInterface({ input: createReadStream(resolve(io.cwd, log)), crlfDelay: Infinity });
  let number = 0;
  try {
    for await (const text of lines) {
      number++;
      if (!text.includes(id)) continue;
      const record = parseQuietly(text);
      if (isRecord(record) && record['requestId'] === id)
        return { file: log, line: number, value: requestOfRecord(record, labels), text };
    }
  } catch (cause) {
    const code = errorCode(cause);
    throw new SallyportError('ERR_REQUEST_FILE', `\`${log}\` cannot be read: ${code}`, { cause });
  }
  throw new SallyportError('ERR_REQUEST_NOT_FOUND', `no line of \`${log}\` has the request id \`${id}\``, {
    hint: 'is it logged? `log.decisions` may be `denied` or `none`, and equal denials collapse to one line',
  });
}

/** Other lines of the same output, not all of them JSON, pass by. */
function parseQuietly(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // not a line of the decision log
  }
}

/** The keys of a log record that are facts of the request. */
function requestOfRecord(record: Readonly<Record<string, unknown>>, labels: LogQuery['labels']): unknown {
  const part = (key: string): Readonly<Record<string, unknown>> => {
    const value = record[key];
    return isRecord(value) ? value : {};
  };
  const [source, destination, http] = [part('source'), part('destination'), part('http')];
  return {
    principal: source['principal'],
    sourceIp: source['ip'],
    remoteIp: source['remoteIp'],
    destination: {
      ip: destination['ip'],
      port: destination['port'],
      namespace: destination['namespace'],
      labels,
    },
    sni: record['sni'],
    ...(isRecord(record['http'])
      ? {
          http: {
            method: http['method'],
            path: http['path'],
            host: http['host'],
            headers: http['headers'],
          },
        }
      : {}),
  };
}
