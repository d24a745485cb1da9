// `GET /flows` of a running proxy's admin address.
import { type IncomingMessage, request } from 'node:http';
import { isLoopback, parseConnectAddress } from '../../core/config/values.ts';
import { SallyportError } from '../../core/errors.ts';
import { usage } from '../args.ts';

/** Until the whole answer is there. */
const ANSWER_MS_MAX = 60_000;

/** An admin address. */
export interface AdminAddress {
  readonly host: string;
  readonly port: number;
}

/** Reads `127.0.0.1:15000`; admin addresses are on loopback only. @throws ERR_USAGE */
export function parseAdmin(text: string): AdminAddress {
  const parsed = parseConnectAddress(text);
  if ('fault' in parsed) throw usage(`\`--admin ${text}\` ${parsed.fault}`, parsed.hint);
  const { host } = parsed.value;
  if (host !== 'localhost' && !isLoopback(host))
    throw usage(`\`--admin ${text}\` is not on this machine`, 'the admin address answers on loopback only');
  return parsed.value;
}

/** The answer's body, as it comes. @throws ERR_FLOWS_ADMIN */
export async function* adminFlows(address: AdminAddress): AsyncGenerator<Uint8Array> {
  try {
    const response = await answerOf(address);
    if (response.statusCode !== 200) throw new Error(`it answers ${response.statusCode}`);
    for await (const chunk of response) yield chunk;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message || cause.name : String(cause);
    throw new SallyportError(
      'ERR_FLOWS_ADMIN',
      `\`http://${address.host}:${address.port}/flows\` cannot be read: ${why}`,
      { hint: 'name the `admin.address` of a running `sallyport proxy`', cause },
    );
  }
}

function answerOf({ host, port }: AdminAddress): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { host, port, path: '/flows', agent: false, signal: AbortSignal.timeout(ANSWER_MS_MAX) },
      resolve,
    );
    asked.on('error', reject);
    asked.end();
  });
}
