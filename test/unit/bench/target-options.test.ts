// The command line of `bench --target`: what it takes, and what it refuses with a word about what to write.
import { describe, expect, it } from 'vitest';
import { parseTargetOptions } from '../../../bench/target/options.ts';
import { SallyportError } from '../../../core/errors.ts';

const TARGET = ['--target', 'https://cart.shop:8443/items/7'];

function faultOf(args: readonly string[]): string {
  try {
    parseTargetOptions(args);
  } catch (error) {
    if (!(error instanceof SallyportError)) throw error;
    return `${error.code}: ${error.message} | ${error.hint}`;
  }
  return 'none';
}

describe('parseTargetOptions', () => {
  it('is modest unless told otherwise', () => {
    expect(parseTargetOptions(TARGET)).toMatchObject({
      direct: null,
      files: { cert: null, key: null, ca: null },
      insecure: false,
      method: 'GET',
      expect: null,
      rates: [100],
      connections: 16,
      seconds: 10,
      rounds: 5,
      warmupSeconds: 1,
      timeoutSeconds: 10,
      objectives: [],
      json: null,
    });
  });

  it.each([
    { args: ['--rate', '1000,100,1000'], expect: { rates: [100, 1_000] } },
    { args: ['--rate', '0.5'], expect: { rates: [0.5] } },
    { args: ['--method', 'head'], expect: { method: 'HEAD' } },
    { args: ['--body', 'order.json'], expect: { method: 'POST', body: 'order.json' } },
    { args: ['--body', 'order.json', '--method', 'PUT'], expect: { method: 'PUT' } },
    { args: ['--header', 'A:b', '--header', 'C:  d: e '], expect: { headers: ['A: b', 'C: d: e'] } },
    { args: ['--header', 'empty:'], expect: { headers: ['empty: '] } },
    { args: ['--expect', '403'], expect: { expect: 403 } },
    { args: ['--json'], expect: { json: '-' } },
    { args: ['--json', '--insecure'], expect: { json: '-', insecure: true } },
    { args: ['--json', 'a.json'], expect: { json: 'a.json' } },
    { args: ['--json=a.json'], expect: { json: 'a.json' } },
    { args: ['--cert', 'a', '--key', 'b', '--ca', 'c'], expect: { files: { cert: 'a', key: 'b', ca: 'c' } } },
    { args: ['--slo', 'p99<5ms'], expect: { objectives: [{ metric: 'p99' }] } },
  ])('reads $args', ({ args, expect: want }) => {
    expect(parseTargetOptions([...TARGET, ...args])).toMatchObject(want);
  });

  it.each([
    { direct: 'http://127.0.0.1:8080', expect: 'http://127.0.0.1:8080/items/7' },
    { direct: 'http://127.0.0.1:8080/', expect: 'http://127.0.0.1:8080/items/7' },
    { direct: 'http://127.0.0.1:8080/other?a=b', expect: 'http://127.0.0.1:8080/other?a=b' },
    { direct: 'http://127.0.0.1:8080/?a=b', expect: 'http://127.0.0.1:8080/?a=b' },
  ])('asks $direct for $expect', ({ direct, expect: want }) => {
    expect(parseTargetOptions([...TARGET, '--direct', direct]).direct?.href).toBe(want);
  });

  it.each([
    { args: ['--raet', '5'], expect: 'unknown option `--raet` | did you mean `--rate`?' },
    { args: ['--quick'], expect: 'unknown option `--quick`' },
    { args: ['requests'], expect: 'Unexpected argument' },
    { args: ['--rate', '0'], expect: '`--rate 0` is out of range | a number from 0.1 to 50000' },
    { args: ['--rate', '50001'], expect: '`--rate 50001` is out of range' },
    { args: ['--rate', '100,'], expect: '`--rate ` is out of range' },
    { args: ['--rate', 'fast'], expect: '`--rate fast` is out of range' },
    { args: ['--connections', '1.5'], expect: '`--connections 1.5` is out of range | a whole number' },
    { args: ['--connections', '10001'], expect: '`--connections 10001` is out of range' },
    { args: ['--seconds', '0'], expect: '`--seconds 0` is out of range' },
    { args: ['--rounds', '0'], expect: '`--rounds 0` is out of range' },
    { args: ['--warmup', '-1'], expect: '' },
    { args: ['--warmup=-1'], expect: '`--warmup -1` is out of range' },
    { args: ['--timeout', '601'], expect: '`--timeout 601` is out of range' },
    { args: ['--expect', '99'], expect: '`--expect 99` is out of range' },
    { args: ['--expect', '2xx'], expect: '`--expect 2xx` is out of range' },
    { args: ['--method', 'CONNECT'], expect: '`--method CONNECT` is not known | one of GET' },
    { args: ['--method', 'GET /x'], expect: '`--method GET /x` is not known' },
    { args: ['--method', 'GET', '--body', 'a'], expect: 'a GET has no body' },
    { args: ['--header', 'novalue'], expect: '`--header …` is no header field' },
    { args: ['--header', ': b'], expect: '`--header …` is no header field' },
    { args: ['--header', 'a b: c'], expect: 'is no header field' },
    { args: ['--header', 'a: b\r\nc: d'], expect: 'is no header field' },
    { args: ['--header', 'a: \u2603'], expect: 'is no header field' },
    { args: ['--header', 'Content-Length: 5'], expect: '`--header Content-Length` is set by this program' },
    { args: ['--header', 'transfer-encoding: chunked'], expect: 'is set by this program' },
    { args: ['--header', 'connection: close'], expect: 'is set by this program' },
    { args: ['--header', `a: ${'b'.repeat(9_000)}`], expect: '`--header a` is too long' },
    { args: Array(101).fill('--header=a: b'), expect: 'more than 100 headers' },
    { args: ['--cert', 'a'], expect: '`--cert` and `--key` belong together' },
    { args: ['--key', 'a'], expect: '`--cert` and `--key` belong together' },
    { args: ['--server-id', 'cart'], expect: '`cart` is not a SPIFFE ID' },
    { args: ['--server-id', 'spiffe://a/b', '--insecure'], expect: '`--insecure` verifies nothing' },
    { args: ['--direct', 'localhost:8080'], expect: '`--direct localhost:8080` is no URL' },
    { args: ['--slo', 'added_p95<5ms'], expect: '`added_p95<5ms` compares with the application itself' },
    { args: ['--slo', 'p98<5ms'], expect: '`--slo` cannot be used' },
  ])('refuses $args', ({ args, expect: want }) => {
    const fault = faultOf([...TARGET, ...args]);
    expect(fault).toMatch(/^ERR_(USAGE|SLO|SPIFFE_ID): /);
    expect(fault).toContain(want);
  });

  it.each([
    { args: ['--target'], expect: 'argument missing' },
    { args: ['--target', 'cart.shop:8443'], expect: '`--target cart.shop:8443` is no URL' },
    { args: ['--target', 'ftp://cart.shop/'], expect: 'is no URL | https://HOST:PORT/PATH' },
    { args: ['--target', 'https://me:secret@cart.shop/'], expect: '`--target` has a user name' },
    { args: ['--target', 'http://a/', '--ca', 'ca.pem'], expect: '`--ca` is for TLS' },
    { args: ['--target', 'http://a/', '--insecure'], expect: '`--insecure` is for TLS' },
    { args: ['--target', 'http://a/', '--cert', 'a', '--key', 'b'], expect: '`--cert` is for TLS' },
  ])('refuses $args', ({ args, expect: want }) => expect(faultOf(args)).toContain(want));
});
