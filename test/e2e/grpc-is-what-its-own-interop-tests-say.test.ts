// gRPC's own interop client and server (grpc-go), in plaintext, with two proxies and mutual TLS between them:
// all cases of its interop_test.sh. The client checks what it gets; both proxies record each call's status.
// Cases: https://github.com/grpc/grpc/blob/master/doc/interop-test-descriptions.md
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePorts } from '../../core/free-ports.ts';
import { findCommand } from '../requirements.ts';
import { Daemon } from './stage/daemon.ts';
import { run } from './stage/foreign.ts';
import { eventually } from './stage/observe.ts';
import { outbound, Pair } from './stage/pair.ts';
import type { LogLine, RunningProxy } from './stage/stage.ts';

let server: Daemon;
let pair: Pair;

beforeAll(async () => {
  const [port = 0] = await freePorts(1);
  server = await Daemon.start(found('grpc-interop-server'), [`-port=${port}`], [port]);
  pair = await Pair.start(port, (cart) => ({
    web: outbound({ port: cart.port, upstream: 'protocol: h2' }),
    cart: { upstream: 'protocol: h2c' },
  }));
});

afterAll(async () => {
  await pair.close();
  await server.close();
});

function found(command: string): string {
  const path = findCommand(command);
  if (path === undefined) throw new Error(`${command} is missing: see test/requirements.ts`);
  return path;
}

interface Case {
  readonly name: string;
  /** Calls in the order of their ends: the method, and the status or how else it ended. */
  readonly calls: readonly string[];
  readonly flags?: readonly string[];
}

/** The client reads load reports only when its balancer wants them. */
const LOAD_REPORTS =
  '-service_config_json={ "loadBalancingConfig": [{ "test_backend_metrics_load_balancer": {} }] }';
const SOAK = ['-soak_iterations=20', '-soak_num_threads=5'];
const SOAKED = Array.from({ length: 20 }, () => 'UnaryCall 0');
const REPORTS = 'StreamCoreMetrics client-closed';

const CASES: readonly Case[] = [
  { name: 'empty_unary', calls: ['EmptyCall 0'] },
  { name: 'large_unary', calls: ['UnaryCall 0'] },
  { name: 'client_streaming', calls: ['StreamingInputCall 0'] },
  { name: 'server_streaming', calls: ['StreamingOutputCall 0'] },
  { name: 'ping_pong', calls: ['FullDuplexCall 0'] },
  { name: 'empty_stream', calls: ['FullDuplexCall 0'] },
  { name: 'cancel_after_begin', calls: ['StreamingInputCall client-closed'] },
  { name: 'cancel_after_first_response', calls: ['FullDuplexCall client-closed'] },
  { name: 'status_code_and_message', calls: ['UnaryCall 2', 'FullDuplexCall 2'] },
  { name: 'special_status_message', calls: ['UnaryCall 2'] },
  { name: 'custom_metadata', calls: ['UnaryCall 0', 'FullDuplexCall 0'] },
  { name: 'unimplemented_method', calls: ['UnimplementedCall 12'] },
  { name: 'unimplemented_service', calls: ['UnimplementedCall 12'] },
  { name: 'orca_per_rpc', calls: ['UnaryCall 0', REPORTS], flags: [LOAD_REPORTS] },
  { name: 'rpc_soak', calls: SOAKED, flags: SOAK },
  { name: 'channel_soak', calls: SOAKED, flags: SOAK },
];

function client(name: string, flags: readonly string[] = []): ReturnType<typeof run> {
  const to = ['-server_host=127.0.0.1', `-server_port=${pair.web.port}`, `-test_case=${name}`];
  return run(found('grpc-interop-client'), [...to, ...flags], { timeoutMs: 40_000 });
}

function callOf({ http, grpc, reason }: LogLine): string {
  const { path } = http as { path: string };
  const { status } = (grpc ?? {}) as { status?: number };
  return `${path.slice(path.lastIndexOf('/') + 1)} ${status ?? String(reason)}`;
}

/** The calls that `proxy` recorded since it had recorded `before`, once there are `count`. */
async function recorded(proxy: RunningProxy, before: number, count: number): Promise<string[]> {
  const lines = (): LogLine[] => proxy.decisions().slice(before);
  return (await eventually(lines, ({ length }) => length >= count, 5_000)).map(callOf);
}

test.each(CASES)('$name', async ({ name, calls, flags }) => {
  const proxies = [pair.outbound, pair.inbound];
  const before = proxies.map((proxy) => proxy.decisions().length);
  const { code, err } = await client(name, flags);
  expect(code, err).toBe(0);
  for (const [i, proxy] of proxies.entries())
    expect(await recorded(proxy, before[i] ?? 0, calls.length)).toEqual(calls);
});

// How often they ask, and whether a deadline of a millisecond lets a call out, is for the client to say.
test.each([{ name: 'timeout_on_sleeping_server' }, { name: 'orca_oob', flags: [LOAD_REPORTS] }])(
  '$name',
  async ({ name, flags }) => {
    const { code, err } = await client(name, flags);
    expect(code, err).toBe(0);
  },
);
