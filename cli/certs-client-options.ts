// What `sallyport certs client` is told: arguments into values, everything wrong with them before anything is
// asked of the issuer.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { REQUEST_KEY_TYPES, type RequestKeyType } from '../certs/issuer-client/certificate-request.ts';
import type { IssuerAddress } from '../certs/issuer-client/connect.ts';
import { didYouMean } from '../core/errors.ts';
import { parseTrustDomain, type TrustDomain } from '../core/spiffe-id.ts';
import { parseOptions, usage } from './args.ts';
import { parseTtl } from './certs-arguments.ts';
import { type Notice, parseCommand, parseSignal } from './certs-client-notice.ts';
import { parseEndpoint } from './certs-presented.ts';
import type { Io } from './io.ts';

/** One line for `--help`. */
export const CERTS_CLIENT_USAGE =
  'sallyport certs client --issuer HOST:PORT --trust-domain TD (--join-token-file F | --service-account-token-file F) [--bundle F] --out DIR [--on-renew CMD | --signal PIDFILE:SIGHUP] [--once] [--json]';

/** The arguments, read. Paths are absolute. */
export interface ClientOptions {
  readonly address: IssuerAddress;
  readonly trustDomain: TrustDomain;
  readonly joinTokenFile: string | undefined;
  readonly serviceAccountTokenFile: string | undefined;
  readonly bundleFile: string | undefined;
  readonly keyType: RequestKeyType;
  readonly out: string;
  readonly stateDirectory: string;
  /** Permission bits of the key file. */
  readonly keyMode: number;
  readonly gid: number | null;
  readonly notice: Notice | null;
  readonly once: boolean;
  /** With `once`: how long to wait for the issuer. */
  readonly timeoutMs: number;
  readonly json: boolean;
}

/** Reads the arguments. @throws ERR_USAGE, ERR_SPIFFE_ID */
export async function readClientOptions(args: readonly string[], io: Io): Promise<ClientOptions> {
  const { values } = parseOptions(
    {
      args: [...args],
      options: {
        issuer: { type: 'string' },
        'trust-domain': { type: 'string' },
        'join-token-file': { type: 'string' },
        'service-account-token-file': { type: 'string' },
        bundle: { type: 'string' },
        out: { type: 'string' },
        state: { type: 'string' },
        'key-type': { type: 'string', default: REQUEST_KEY_TYPES[0] },
        'key-mode': { type: 'string', default: '0600' },
        group: { type: 'string' },
        'on-renew': { type: 'string' },
        signal: { type: 'string' },
        once: { type: 'boolean', default: false },
        timeout: { type: 'string', default: '60s' },
        json: { type: 'boolean', default: false },
      },
    },
    CERTS_CLIENT_USAGE,
  );
  const needed = (name: 'issuer' | 'trust-domain' | 'out'): string => {
    const value = values[name];
    if (value === undefined || value === '') throw usage(`\`--${name}\` is missing`, CERTS_CLIENT_USAGE);
    return value;
  };
  const path = (value: string | undefined): string | undefined =>
    value === undefined ? undefined : resolve(io.cwd, value);
  const out = resolve(io.cwd, needed('out'));
  const options: ClientOptions = {
    address: parseAddress(needed('issuer')),
    trustDomain: parseTrustDomain(needed('trust-domain')),
    joinTokenFile: path(values['join-token-file']),
    serviceAccountTokenFile: path(values['service-account-token-file']),
    bundleFile: path(values.bundle),
    keyType: parseKeyType(values['key-type']),
    out,
    stateDirectory: path(values.state) ?? join(out, '.issuer'),
    keyMode: parseMode(values['key-mode']),
    gid: values.group === undefined ? null : await groupId(values.group),
    notice: noticeOf(values['on-renew'], values.signal, io),
    once: values.once,
    timeoutMs: parseTtl(values.timeout),
    json: values.json,
  };
  refuseNobody(options);
  return options;
}

/** Who was never here must say who it is, and whom it believes. @throws ERR_USAGE */
function refuseNobody(options: ClientOptions): void {
  const { joinTokenFile, serviceAccountTokenFile, bundleFile, stateDirectory } = options;
  if (joinTokenFile !== undefined || existsSync(stateDirectory)) return;
  if (serviceAccountTokenFile === undefined)
    throw usage(
      'nothing says who this workload is',
      'give `--join-token-file` (`sallyport certs token ID` at the issuer makes one) or `--service-account-token-file`',
    );
  if (bundleFile === undefined)
    throw usage(
      '`--service-account-token-file` needs `--bundle` the first time',
      'the CA certificates by which the issuer is known: `sallyport certs bundle` at the issuer prints them',
    );
}

/** `issuer.example:8444`, `10.0.0.5:8444` or `[::1]:8444`. */
function parseAddress(text: string): IssuerAddress {
  const address = parseEndpoint(text);
  if (address === null)
    throw usage(`\`--issuer ${text}\` is not HOST:PORT`, 'for example `--issuer issuer.example:8444`');
  return address;
}

function parseKeyType(text: string): RequestKeyType {
  const found = REQUEST_KEY_TYPES.find((type) => type === text);
  if (found !== undefined) return found;
  const near = didYouMean(text, REQUEST_KEY_TYPES);
  throw usage(
    `\`--key-type ${text}\` is not known`,
    near === undefined ? `one of ${REQUEST_KEY_TYPES.join(', ')}` : `did you mean \`${near}\`?`,
  );
}

/** Octal; the owner can always read, and others never. */
function parseMode(text: string): number {
  const mode = /^0?[0-7]{3}$/.test(text) ? Number.parseInt(text, 8) : 0;
  if ((mode & 0o400) === 0 || (mode & 0o137) !== 0)
    throw usage(`\`--key-mode ${text}\` is not a mode for a key`, '0400, 0600, 0440 or 0640');
  return mode;
}

/** The number of a group, by name or number. */
async function groupId(text: string): Promise<number> {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  const lines = (await readFile('/etc/group', 'utf8').catch(() => '')).split('\n');
  const id = lines.map((line) => line.split(':')).find(([name]) => name === text)?.[2];
  if (id === undefined || id === '')
    throw usage(`\`--group ${text}\` is not a group of this machine`, 'a name in /etc/group, or a number');
  return Number(id);
}

function noticeOf(command: string | undefined, signal: string | undefined, io: Io): Notice | null {
  if (command !== undefined && signal !== undefined)
    throw usage('`--on-renew` and `--signal` are both given', 'one of them tells the program');
  if (command !== undefined) return parseCommand(command);
  return signal === undefined ? null : parseSignal(signal, io.cwd);
}
