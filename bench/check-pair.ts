// The proof before a pair is measured: mutual TLS between the two, the outbound one decides, and it refuses a
// server that is not the right one before a byte of the request leaves.
import { type CheckReport, DENIED_PATH, EXPECTED_TLS } from './check.ts';
import { Impostor } from './impostor.ts';
import type { OutboundPeer } from './peers/outbound.ts';
import type { PeerSetup, RunningPeer } from './peers/peer.ts';
import type { KeyPair, Pki } from './pki.ts';
import { type PlainAnswer, plainGet } from './plain-http.ts';
import { Tap } from './tap.ts';

interface Wrong {
  readonly who: string;
  readonly pair: KeyPair;
}

/**
 * Starts `outbound` before a relay to `inboundPort`, asks, and ends it. That the inbound proxy decides, and
 * refuses callers without certificate, was shown by its own check.
 */
export async function checkPair(
  outbound: OutboundPeer,
  setup: PeerSetup,
  expected: { readonly inboundPort: number; readonly path: string; readonly bodyBytes: number },
): Promise<CheckReport> {
  const tap = await Tap.open(expected.inboundPort);
  let running: RunningPeer | null = null;
  try {
    running = await outbound.start(setup, tap.port);
    const { port } = running;
    const said = await allowedFault(await plainGet(port, expected.path), expected.bodyBytes, tap);
    const fault =
      said ??
      (outbound.inbound.rules > 0 ? await deniedFault(port, tap) : null) ??
      (await impostorFault(port, tap, { path: expected.path, wrong: wrongServers(outbound, setup.pki) })) ??
      (await running.verify?.()) ??
      null;
    return { tls: tap.hellos[0]?.tls ?? 'none', fault };
  } finally {
    tap.close();
    await running?.child?.stop();
  }
}

function allowedFault(answer: PlainAnswer | null, bodyBytes: number, tap: Tap): string | null {
  if (answer?.status !== 200) return `an allowed request got ${describe(answer)}`;
  if (answer.body.length !== bodyBytes) return `the body had ${answer.body.length} bytes`;
  if (tap.hellos.length === 0) return 'nothing went to the inbound proxy';
  for (const hello of tap.hellos) {
    if (hello === null) return 'the two do not speak TLS';
    if (hello.tls !== EXPECTED_TLS)
      return `the handshake between the two was ${hello.tls}, not ${EXPECTED_TLS}`;
    if (hello.resumed) return 'the two resumed a session';
  }
  return null;
}

async function deniedFault(port: number, tap: Tap): Promise<string | null> {
  const before = tap.sentBytes;
  const denied = await plainGet(port, DENIED_PATH);
  if (denied?.status !== 403) return `a path that no rule allows got ${describe(denied)}`;
  return tap.sentBytes === before ? null : 'it asked the inbound proxy for a path that no rule allows';
}

/** Whoever tells servers by host name cannot tell two workloads of one host apart: it is not asked to. */
function wrongServers({ verifies }: OutboundPeer, pki: Pki): Wrong[] {
  return [
    { who: 'another workload at another host', pair: pki.elsewhere },
    { who: 'a server of an unknown authority', pair: pki.strangeServer },
    ...(verifies === 'SPIFFE ID' ? [{ who: 'another workload at the same host', pair: pki.other }] : []),
  ];
}

async function impostorFault(
  port: number,
  tap: Tap,
  { path, wrong }: { readonly path: string; readonly wrong: readonly Wrong[] },
): Promise<string | null> {
  for (const { who, pair } of wrong) {
    const impostor = await Impostor.open(pair);
    try {
      tap.leadTo(impostor.port);
      const answer = await plainGet(port, path);
      if (impostor.heardBytes > 0) return `${who} got ${impostor.heardBytes} bytes of the request`;
      if (impostor.connections === 0) return `${who} was not even connected to`;
      if (answer === null || answer.status < 500) return `${who} led to ${describe(answer)}`;
    } finally {
      impostor.close();
    }
  }
  return null;
}

function describe(answer: PlainAnswer | null): string {
  return answer === null ? 'no response' : `status ${answer.status}`;
}
