// What the client of the Workload API makes of agents that are odd, broken or hostile: it says what is wrong,
// asks again, and takes the first good answer.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync, symlinkSync } from 'node:fs';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openWorkloadApiSource } from '../../../../certs/workload-api/svid-source.ts';
import type { Diagnostic } from '../../../../core/errors.ts';
import { CODE, frame, goaway, headers, reset, TYPE } from '../../../e2e/stage/http2-frames.ts';
import { ID } from '../make-certificate.ts';
import { Answers, Asking, saying } from './asking.ts';
import {
  answer,
  dataOf,
  framed,
  type Greeting,
  plainAnswer,
  type Script,
  STREAM,
  trailers,
  trailersOnly,
} from './scripted-agent.ts';

const SOURCE = new URL('../../../../certs/workload-api/svid-source.ts', import.meta.url).href;

let answers: Answers;
beforeAll(async () => {
  answers = await Answers.create();
});
const asking = new Asking();
afterEach(() => asking.close());

interface Row {
  readonly name: string;
  /** What the first connection gets; the second one gets a good answer. */
  readonly first: Script;
  readonly code: string;
  readonly says: string;
}

const status = (name: string, code: number | string, expected: string, says: string): Row => ({
  name,
  first: saying(() => trailersOnly(code, 'why%20not')),
  code: expected,
  says,
});

const END_STREAM = 1;
const AGAIN: readonly Row[] = [
  status('PermissionDenied', 7, 'ERR_WORKLOAD_API_DENIED', 'PERMISSION_DENIED: why not'),
  status('Unavailable', 14, 'ERR_WORKLOAD_API_UNAVAILABLE', 'UNAVAILABLE: why not'),
  status('the end, without a message', 0, 'ERR_WORKLOAD_API_UNAVAILABLE', 'OK: why not'),
  status('InvalidArgument', 3, 'ERR_WORKLOAD_API_REFUSED', 'INVALID_ARGUMENT: why not'),
  status('Unimplemented', 12, 'ERR_WORKLOAD_API_REFUSED', 'UNIMPLEMENTED: why not'),
  status('ResourceExhausted', 8, 'ERR_WORKLOAD_API_STATUS', 'RESOURCE_EXHAUSTED: why not'),
  status('a status that nobody knows', 99, 'ERR_WORKLOAD_API_STATUS', 'UNKNOWN: why not'),
  status('a status that is no number', 'x', 'ERR_WORKLOAD_API_STATUS', 'UNKNOWN: why not'),
  {
    name: 'a status message that is badly encoded and has control characters',
    first: saying(() => trailersOnly(7, '%zz%0a')),
    code: 'ERR_WORKLOAD_API_DENIED',
    says: 'PERMISSION_DENIED: %zz%0a',
  },
  {
    name: 'PermissionDenied behind headers',
    first: saying(() => Buffer.concat([answer(), trailers(7)])),
    code: 'ERR_WORKLOAD_API_DENIED',
    says: 'PERMISSION_DENIED',
  },
  {
    name: 'a stream that ends without a status',
    first: saying(() =>
      Buffer.concat([
        answer(),
        dataOf(Buffer.alloc(0)),
        frame(TYPE.DATA, { streamId: STREAM, flags: END_STREAM }),
      ]),
    ),
    code: 'ERR_WORKLOAD_API_UNAVAILABLE',
    says: 'without a status',
  },
  {
    name: 'a half message, then a status',
    first: saying(() => Buffer.concat([answer(), dataOf(answers.good().subarray(0, 100)), trailers(0)])),
    code: 'ERR_WORKLOAD_API_MESSAGE',
    says: 'inside a message',
  },
  {
    name: 'a half message, then the end of the connection',
    first: saying(() => Buffer.concat([answer(), dataOf(answers.good().subarray(0, 100))]), true),
    code: 'ERR_WORKLOAD_API_UNAVAILABLE',
    says: 'is gone',
  },
  {
    name: 'a compressed message',
    first: saying(() => Buffer.concat([answer(), dataOf(framed(Buffer.alloc(9), { flag: 1 }))])),
    code: 'ERR_WORKLOAD_API_MESSAGE',
    says: 'a message is compressed',
  },
  {
    name: 'a flag that nobody knows',
    first: saying(() => Buffer.concat([answer(), dataOf(framed(Buffer.alloc(9), { flag: 8 }))])),
    code: 'ERR_WORKLOAD_API_MESSAGE',
    says: 'flag 8',
  },
  {
    name: 'a message one byte too long',
    first: saying(() => Buffer.concat([answer(), dataOf(framed(Buffer.alloc(9), { length: 4_194_305 }))])),
    code: 'ERR_WORKLOAD_API_MESSAGE',
    says: 'a message of 4194305 bytes',
  },
  {
    name: 'the longest message there can be',
    first: saying(() => Buffer.concat([answer(), dataOf(framed(Buffer.alloc(9), { length: 0xffff_ffff }))])),
    code: 'ERR_WORKLOAD_API_MESSAGE',
    says: 'a message of 4294967295 bytes',
  },
  {
    name: 'a message that is not protobuf',
    first: saying(() => Buffer.concat([answer(), dataOf(framed(Buffer.from([0x0a, 0xff])))])),
    code: 'ERR_WORKLOAD_API_MESSAGE',
    says: 'cut short',
  },
  {
    name: 'a web page',
    first: saying(() =>
      Buffer.concat([
        plainAnswer([':status', '200'], ['content-type', 'text/html']),
        dataOf(Buffer.from('<html>')),
      ]),
    ),
    code: 'ERR_WORKLOAD_API_MESSAGE',
    says: 'not gRPC',
  },
  {
    name: 'a content type that only begins like gRPC',
    first: saying(() => plainAnswer([':status', '200'], ['content-type', 'application/grpc-web'])),
    code: 'ERR_WORKLOAD_API_MESSAGE',
    says: 'not gRPC',
  },
  {
    name: 'no content type',
    first: saying(() => plainAnswer([':status', '200'])),
    code: 'ERR_WORKLOAD_API_MESSAGE',
    says: 'not gRPC',
  },
  {
    name: '503 of a proxy',
    first: saying(() => plainAnswer([':status', '503'])),
    code: 'ERR_WORKLOAD_API_MESSAGE',
    says: 'HTTP status 503',
  },
  {
    name: 'an encoding',
    first: saying(() => answer(['grpc-encoding', 'gzip'])),
    code: 'ERR_WORKLOAD_API_MESSAGE',
    says: 'compressed',
  },
  {
    name: 'headers of 15 KiB',
    first: saying(() => answer(['x-long', 'x'.repeat(15_000)])),
    code: 'ERR_WORKLOAD_API_MESSAGE',
    says: 'the headers are too long',
  },
  {
    name: 'a hundred headers',
    first: saying(() => answer(...Array.from({ length: 100 }, (_, i) => [`x-${i}`, ''] as const))),
    code: 'ERR_WORKLOAD_API_UNAVAILABLE',
    says: 'ENHANCE_YOUR_CALM',
  },
  {
    name: 'GOAWAY',
    first: saying(() => Buffer.concat([answer(), goaway(STREAM)])),
    code: 'ERR_WORKLOAD_API_UNAVAILABLE',
    says: 'GOAWAY, code 0',
  },
  {
    name: 'GOAWAY because of too many pings',
    first: saying(() => goaway(0, CODE.ENHANCE_YOUR_CALM)),
    code: 'ERR_WORKLOAD_API_UNAVAILABLE',
    says: 'GOAWAY, code 11',
  },
  {
    name: 'a stream that is reset',
    first: saying(() => Buffer.concat([answer(), reset(STREAM)])),
    code: 'ERR_WORKLOAD_API_UNAVAILABLE',
    says: 'is gone',
  },
  {
    name: 'a stream that is reset with an error',
    first: saying(() => reset(STREAM, CODE.INTERNAL_ERROR)),
    code: 'ERR_WORKLOAD_API_UNAVAILABLE',
    says: 'INTERNAL_ERROR',
  },
  {
    name: 'a push that was not allowed',
    first: saying(() =>
      frame(TYPE.PUSH_PROMISE, { streamId: STREAM, flags: 4, payload: Buffer.of(0, 0, 0, 2) }),
    ),
    code: 'ERR_WORKLOAD_API_MESSAGE',
    says: 'cannot be read',
  },
  {
    name: 'a frame longer than allowed',
    first: saying(() => frame(TYPE.DATA, { streamId: STREAM, payload: Buffer.alloc(20_000) })),
    code: 'ERR_WORKLOAD_API_MESSAGE',
    says: 'cannot be read',
  },
  {
    name: 'a header block that is none',
    first: saying(() => headers(STREAM, Buffer.alloc(30, 0xff))),
    code: 'ERR_WORKLOAD_API_MESSAGE',
    says: 'cannot be read',
  },
  {
    name: 'data on a stream that was never opened',
    first: saying(() => frame(TYPE.DATA, { streamId: 7, payload: 'x' })),
    code: 'ERR_WORKLOAD_API_MESSAGE',
    says: 'cannot be read',
  },
];

describe('a connection that ends', () => {
  test.each(AGAIN)('$name: reported, and asked again', async ({ first, code, says }) => {
    const { source, agent, waits } = await asking.ask([first, answers.sayGood]);
    const got = await source;
    expect(got.current()?.spiffeId.uri).toBe(ID);
    expect(agent.connections).toBe(2);
    expect(waits).toHaveLength(1);
    expect(waits[0]).toMatchObject({ severity: 'error', at: { file: agent.uri } });
    expect(waits[0]?.code).toContain(code);
    expect(waits[0]?.message).toContain(says);
    expect(waits[0]?.hint).toBeTruthy();
    expect(got.problems()).toEqual([]);
  });

  const greetings: readonly { name: string; greeting: Greeting; code: string }[] = [
    {
      name: 'HTTP/1.1',
      greeting: { bytes: Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), end: true },
      code: 'ERR_WORKLOAD_API_MESSAGE',
    },
    {
      name: 'random bytes',
      greeting: { bytes: Buffer.from('15030100020228'.repeat(9), 'hex') },
      code: 'ERR_WORKLOAD_API_MESSAGE',
    },
    {
      name: 'the end',
      greeting: { bytes: Buffer.alloc(0), end: true },
      code: 'ERR_WORKLOAD_API_UNAVAILABLE',
    },
    { name: 'nothing at all', greeting: { bytes: Buffer.alloc(0) }, code: 'ERR_WORKLOAD_API_UNAVAILABLE' },
  ];
  test.each(greetings)('$name instead of HTTP/2', async ({ greeting, code }) => {
    const { source, waits } = await asking.ask([() => undefined, answers.sayGood], { greetings: [greeting] });
    expect((await source).current()?.spiffeId.uri).toBe(ID);
    expect(waits.map((problem) => problem.code)).toEqual([code]);
  });

  test('an agent that hangs after its answer is noticed by PING', async () => {
    const { source, agent } = await asking.ask([answers.sayGood], { pingIntervalMs: 5_000 });
    const got = await source;
    const before = got.current();
    const problem = await new Promise<readonly Diagnostic[]>((resolve) => got.onProblem(resolve));
    expect(problem[0]).toMatchObject({ code: 'ERR_WORKLOAD_API_UNAVAILABLE' });
    expect(problem[0]?.message).toContain('PING');
    await expect.poll(() => agent.connections).toBeGreaterThan(1);
    await expect.poll(() => got.problems()).toEqual([]);
    expect(got.current()).toBe(before); // the same answer is no change
  });
});

describe('where and how long', () => {
  test('a socket that is not there yet', async () => {
    const { agent, source } = await asking.ask([answers.sayGood]);
    await source;
    await agent.close();
    expect(existsSync(agent.path)).toBe(false);
    const abort = new AbortController();
    const waits: Diagnostic[] = [];
    const waiting = openWorkloadApiSource({
      socket: agent.uri,
      trustDomain: 'example.org',
      onWaiting: (problem) => {
        waits.push(problem);
        abort.abort();
      },
      signal: abort.signal,
    });
    await expect(waiting).rejects.toMatchObject({
      code: 'ERR_WORKLOAD_API_ABORTED',
      diagnostics: [{ code: 'ERR_WORKLOAD_API_UNREACHABLE' }],
    });
    expect(waits[0]?.message).toContain('ENOENT');
  });

  test('a process that only waits stays alive', async () => {
    const { agent } = await asking.ask([answers.sayGood]);
    const path = `${agent.path}.later`;
    const program = `
      const { openWorkloadApiSource } = await import(${JSON.stringify(SOURCE)});
      const source = await openWorkloadApiSource({
        socket: 'unix://${path}',
        trustDomain: 'example.org',
        onWaiting: ({ code }) => console.log(code),
      });
      console.log(source.current().spiffeId.uri);
      source.close();`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program]);
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      if (text.includes('UNREACHABLE')) symlinkSync(agent.path, path);
    });
    const [code] = await once(child, 'exit');
    rmSync(path, { force: true });
    expect({ code, out: out.trim().split('\n') }).toEqual({
      code: 0,
      out: ['ERR_WORKLOAD_API_UNREACHABLE', ID],
    });
  });

  test('a signal that was given before', async () => {
    const waiting = openWorkloadApiSource({
      socket: 'unix:///x',
      trustDomain: 'a',
      signal: AbortSignal.abort(),
    });
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_WORKLOAD_API_ABORTED' });
  });
});
