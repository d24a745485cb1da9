// A machine with IPv6 has 2^64 addresses: what one address may take counts for all of them together.
import net from 'node:net';
import tls from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { LongPolls } from '../../../../../certs/issuer/http/long-polls.ts';
import { createTlsListener } from '../../../../../certs/issuer/http/tls-listener.ts';
import { addressKey } from '../../../../../certs/issuer/rate-limits.ts';
import { createPeerVerifier } from '../../../../../certs/verify.ts';
import { systemClock } from '../../../../../core/clock.ts';

/** How many of those who come from `addresses` are let in, where each address may have one. */
function letIn(addresses: readonly string[]): number {
  const identity = {
    context: tls.createSecureContext({}),
    callers: createPeerVerifier({ bundles: new Map(), crls: new Map() }, { purpose: 'client' }),
  };
  const results: string[] = [];
  const { server, destroyAll } = createTlsListener(
    { clock: systemClock, identity: () => identity, connectionsMax: 100, connectionsPerAddressMax: 1 },
    { secured: () => undefined, handshake: (result) => results.push(result) },
  );
  onTestFinished(destroyAll);
  for (const address of addresses) {
    const socket = new net.Socket();
    Object.defineProperty(socket, 'remoteAddress', { value: address });
    server.emit('connection', socket);
  }
  return addresses.length - results.filter((result) => result === 'connection-limit').length;
}

const ROWS: readonly { name: string; addresses: readonly string[]; expect: number }[] = [
  { name: 'IPv4', addresses: ['192.0.2.1', '192.0.2.2'], expect: 2 },
  { name: 'one IPv4', addresses: ['192.0.2.1', '192.0.2.1'], expect: 1 },
  { name: 'IPv4 on a socket of both kinds', addresses: ['::ffff:192.0.2.1', '::ffff:192.0.2.2'], expect: 2 },
  { name: 'two /64', addresses: ['2001:db8:0:1::1', '2001:db8:0:2::1'], expect: 2 },
  { name: 'one /64', addresses: ['2001:db8:0:1::1', '2001:db8:0:1::2', '2001:db8:0:1:f::'], expect: 1 },
  { name: 'a link', addresses: ['fe80::1%eth0', 'fe80::2%eth0'], expect: 1 },
];

describe('those who come from', () => {
  test.each(ROWS)('$name', ({ addresses, expect: expected }) => {
    expect(letIn(addresses)).toBe(expected);
    expect(new Set(addresses.map(addressKey)).size).toBe(expected);
    const polls = new LongPolls({ clock: systemClock, totalMax: 100, perAddressMax: 1 });
    const waiting = addresses.map((address) => polls.wait(address, 30_000, () => undefined));
    expect(waiting.filter((one) => one !== null)).toHaveLength(expected);
    polls.close();
  });
});
