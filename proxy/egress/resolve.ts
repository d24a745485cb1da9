// From a name to the addresses that a connection may use: asked once for each connection, which then goes to
// one of these and nowhere else, so that a name cannot lead elsewhere between the check and the connection.
import dns, { type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { parseIp } from '../../core/ip.ts';
import { REFUSED_ADDRESS } from '../forward/upstream-connection.ts';
import type { PublicAddresses } from './special-addresses.ts';

const ADDRESSES_MAX = 64;
const RESOLVE_TIMEOUT_MS = 2_000;
/** Names asked for at a time by one listener, and connections that wait for one name. */
const LOOKUPS_MAX = 256;
const WAITING_MAX = 1_024;

/** Asks for all addresses of a name. */
export type Resolve = (
  name: string,
  done: (error: NodeJS.ErrnoException | null, addresses: readonly LookupAddress[]) => void,
) => void;

/** As the system resolves names: its hosts file, its search domains, its servers. */
export const systemResolve: Resolve = (name, done) => {
  dns.lookup(name, { all: true, order: 'verbatim' }, (error, addresses) => done(error, addresses ?? []));
};

/** By these servers (`ip` or `ip:port`) alone. */
export function resolveBy(servers: readonly string[]): Resolve {
  const resolver = new dns.Resolver({ timeout: RESOLVE_TIMEOUT_MS, tries: 2 });
  resolver.setServers([...servers]);
  return (name, done) => {
    const found: LookupAddress[] = [];
    let open = 2;
    let fault: NodeJS.ErrnoException | null = null;
    const take = (family: 4 | 6) => (error: NodeJS.ErrnoException | null, addresses?: string[]) => {
      // A name without addresses of one family is no fault; a server that fails for one is not trusted with
      // half an answer.
      if (error !== null && error.code !== dns.NODATA) fault ??= error;
      for (const address of addresses ?? []) found.push({ address, family });
      if (--open === 0) done(fault, found);
    };
    resolver.resolve4(name, take(4));
    resolver.resolve6(name, take(6));
  };
}

/**
 * Asks once for a name that is being asked for, and for so many names at a time: a caller that is gone leaves
 * its question behind.
 */
export function boundedResolve(resolve: Resolve): Resolve {
  const open = new Map<string, Parameters<Resolve>[1][]>();
  return (name, done) => {
    const waiting = open.get(name);
    if (waiting !== undefined) {
      if (waiting.length < WAITING_MAX) waiting.push(done);
      else done(tooMany(name), []);
      return;
    }
    if (open.size >= LOOKUPS_MAX) return done(tooMany(name), []);
    const all = [done];
    open.set(name, all);
    resolve(name, (error, addresses) => {
      open.delete(name);
      for (const one of all) one(error, addresses);
    });
  };
}

const tooMany = (name: string): NodeJS.ErrnoException =>
  Object.assign(new Error(`too many names are asked for at a time, ${name} among them`), {
    code: 'EAI_AGAIN',
  });

/**
 * A `lookup` for net.connect that gives addresses only when every one of them may be used: a name whose
 * answers mix public and private ones is somebody's attempt to get behind the check.
 */
export function guardedLookup(resolve: Resolve, allowed: PublicAddresses): LookupFunction {
  return (name, { all }, callback) => {
    resolve(name, (error, addresses) => {
      const fault = error ?? faultOf(name, addresses, allowed);
      const [first] = addresses;
      if (fault !== null || first === undefined) callback(fault ?? notFound(name), all === true ? [] : '');
      else if (all === true) callback(null, addresses.slice(0, ADDRESSES_MAX));
      else callback(null, first.address, first.family);
    });
  };
}

function faultOf(
  name: string,
  addresses: readonly LookupAddress[],
  allowed: PublicAddresses,
): NodeJS.ErrnoException | null {
  for (const { address } of addresses) {
    const ip = parseIp(address);
    if (ip === null || !allowed.includes(ip))
      return Object.assign(new Error(`${name} leads to ${address}`), { code: REFUSED_ADDRESS });
  }
  return null;
}

const notFound = (name: string): NodeJS.ErrnoException =>
  Object.assign(new Error(`${name} has no address`), { code: dns.NOTFOUND });
