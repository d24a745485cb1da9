// `tracing` of the configuration: what is taken, what is refused, and that no value of a header is shown.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { explainConfig, parseConfig } from '../../../../core/config/load.ts';
import { formatDiagnostic, SallyportError } from '../../../../core/errors.ts';
import { FILE, MINIMAL } from './config-text.ts';

const ENDPOINT = 'http://otel-collector:4318/v1/traces';
const SECRET = 's3cret';

const block = (keys: string): string => `${MINIMAL}tracing: { endpoint: "${ENDPOINT}", ${keys} }\n`;
const endpoint = (url: string): string => `${MINIMAL}tracing: { endpoint: "${url}" }\n`;

/** Everything that is told about a text that is refused. */
function refusal(text: string): string {
  try {
    parseConfig(text, FILE);
  } catch (error) {
    if (error instanceof SallyportError) return error.diagnostics.map(formatDiagnostic).join('\n');
    throw error;
  }
  return '';
}

describe('is taken', () => {
  it('is off without the section', () => expect(parseConfig(MINIMAL, FILE).tracing).toBeUndefined());

  it('with an endpoint alone', () => {
    expect(parseConfig(endpoint(ENDPOINT), FILE).tracing).toEqual({
      endpoint: ENDPOINT,
      sample: 0.01,
      headers: {},
      ca: null,
      interval: 5_000,
      timeout: 10_000,
    });
  });

  it('with everything', () => {
    const text = block(
      'sample: 1, headers: { Authorization: "Bearer a b" }, ca: c.pem, interval: 1s, timeout: 2s',
    );
    expect(parseConfig(text, FILE).tracing).toEqual({
      endpoint: ENDPOINT,
      sample: 1,
      headers: { Authorization: 'Bearer a b' },
      ca: '/etc/sallyport/c.pem',
      interval: 1_000,
      timeout: 2_000,
    });
  });

  it.each(['https://a/b', 'http://[::1]:4318/v1/traces', 'http://127.0.0.1/x/'])('%s', (url) => {
    expect(parseConfig(endpoint(url), FILE).tracing?.endpoint).toBe(url);
  });
});

describe('is refused', () => {
  const rows: { name: string; text: string; expect: string }[] = [
    { name: 'no endpoint', text: `${MINIMAL}tracing: {}\n`, expect: '`tracing.endpoint` is missing' },
    { name: 'no value', text: `${MINIMAL}tracing:\n`, expect: '`tracing` has no value' },
    { name: 'an address', text: endpoint('otel:4318'), expect: '`otel:4318` is not an `http://` or' },
    { name: 'no path', text: endpoint('http://otel:4318'), expect: 'URL with its path' },
    { name: 'the root path', text: endpoint('http://otel:4318/'), expect: 'URL with its path' },
    { name: 'grpc', text: endpoint('grpc://otel:4317/v1/traces'), expect: 'ERR_CONFIG_VALUE' },
    { name: 'a user', text: endpoint('http://u@otel/v1/traces'), expect: 'without user' },
    { name: 'a password', text: endpoint('http://:p@otel/v1/traces'), expect: 'without user' },
    { name: 'a query', text: endpoint('http://otel/v1/traces?key=1'), expect: 'without user, query' },
    { name: 'a fragment', text: endpoint('http://otel/v1/traces#a'), expect: 'fragment' },
    { name: 'a URL of 3 KiB', text: endpoint(`http://otel/${'x'.repeat(3000)}`), expect: 'is not an' },
    { name: 'more than all', text: block('sample: 1.1'), expect: '`tracing.sample` is 1.1, out of range' },
    { name: 'less than none', text: block('sample: -0.1'), expect: 'out of range' },
    { name: 'an interval too short', text: block('interval: 99ms'), expect: 'allowed: 100ms to 1m' },
    { name: 'a timeout too long', text: block('timeout: 2m'), expect: 'allowed: 100ms to 1m' },
    { name: 'an unknown key', text: block('protocol: grpc'), expect: 'unknown key `tracing.protocol`' },
    { name: 'a header of ours', text: block('headers: { Content-Type: a }'), expect: 'that may be added' },
    { name: 'a header of the request', text: block('headers: { host: a }'), expect: 'that may be added' },
    { name: 'a header with a colon', text: block('headers: { "a:": b }'), expect: 'that may be added' },
    { name: 'a header with a line', text: block('headers: { "a\\nb": c }'), expect: 'that may be added' },
  ];
  it.each(rows)('$name', ({ text, expect: wanted }) => expect(refusal(text)).toContain(wanted));
});

describe('no fault shows what a header holds', () => {
  const rows: { name: string; text: string; expect: string }[] = [
    {
      name: 'a newline',
      text: block(`headers: { a: "${SECRET}\\n" }`),
      expect: '`tracing.headers.a`: is not a',
    },
    { name: 'an empty value', text: block('headers: { a: "" }'), expect: 'ERR_CONFIG_VALUE' },
    { name: 'a space at its end', text: block(`headers: { a: "${SECRET} " }`), expect: 'ERR_CONFIG_VALUE' },
    { name: 'not ASCII', text: block(`headers: { a: "${SECRET}ä" }`), expect: 'ERR_CONFIG_VALUE' },
    { name: 'too long', text: block(`headers: { a: ${SECRET.repeat(999)} }`), expect: 'ERR_CONFIG_VALUE' },
    { name: 'a number', text: block('headers: { a: 83537 }'), expect: 'must be a text [' },
    { name: 'no mapping', text: block(`headers: ${SECRET}`), expect: 'must be a mapping [' },
    { name: 'a list', text: block(`headers: [${SECRET}]`), expect: 'must be a mapping [' },
    { name: 'a list in it', text: block(`headers: { a: [${SECRET}] }`), expect: 'must be a text [' },
    { name: 'a misspelt key', text: block(`heders: { a: ${SECRET} }`), expect: 'did you mean `headers`?' },
    {
      name: 'another key of the section',
      text: block(`sample: x, headers: { a: ${SECRET} }`),
      expect: 'a number',
    },
    { name: 'a key twice', text: block(`headers: { a: ${SECRET}, a: b }`), expect: 'ERR_CONFIG_SYNTAX' },
    {
      name: 'an unknown alias',
      text: block(`headers: { b: ${SECRET}, a: *x }`),
      expect: 'ERR_CONFIG_SYNTAX',
    },
    {
      name: 'a block on lines of its own',
      text: `${MINIMAL}tracing:\n  headers:\n    a: 'a'\n    b: "${SECRET}\\n"\n  endpoint: ${ENDPOINT}\n`,
      expect: 'ERR_CONFIG_VALUE',
    },
  ];
  it.each(rows)('$name', ({ text, expect: wanted }) => {
    const told = refusal(text);
    expect(told).toContain(wanted);
    expect(told).not.toMatch(/s3cret|83537/);
  });

  it('other sections are still quoted', () => {
    const text = block(`headers: { a: ${SECRET} }`).replace('0.0.0.0:8443', 'here');
    expect(refusal(text)).toContain('address: here');
  });
});

describe('config explain', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-tracing-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('names the headers and shows no value', async () => {
    const file = join(folder, 'c.yaml');
    writeFileSync(file, block(`headers: { authorization: ${SECRET} }`));
    const values = await explainConfig(file);
    expect(values.find(({ key }) => key === 'tracing.headers')?.value).toEqual({
      authorization: '[redacted]',
    });
    expect(JSON.stringify(values)).not.toContain(SECRET);
  });
});
