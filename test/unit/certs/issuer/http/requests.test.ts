// What the issuer reads of a request, and how waiting requests are limited.
import { describe, expect, test } from 'vitest';
import { type Answer, answerTo, problem } from '../../../../../certs/issuer/http/answer.ts';
import { LongPolls } from '../../../../../certs/issuer/http/long-polls.ts';
import { readFields } from '../../../../../certs/issuer/http/read-body.ts';
import { readTrustQuery } from '../../../../../certs/issuer/http/routes.ts';
import { IssuerError } from '../../../../../certs/issuer/issuer-error.ts';
import { systemClock } from '../../../../../core/clock.ts';
import { SallyportError } from '../../../../../core/errors.ts';

describe('a body', () => {
  const read = (text: string | Buffer) => readFields(Buffer.from(text), ['csr', 'joinToken']);

  test('is an object of known texts', () => {
    expect(read(' {"csr":"a","joinToken":"b"} ')).toEqual({ csr: 'a', joinToken: 'b' });
    expect(read('{}')).toEqual({});
  });

  test.each([
    ['nothing', ''],
    ['no JSON', '{csr:1}'],
    ['a byte order mark and no JSON', '\ufeff'],
    ['null', 'null'],
    ['a list', '[]'],
    ['a number', '1'],
    ['an unknown key', '{"csr":"a","ttl":"b"}'],
    ['a key of the prototype', '{"constructor":"a"}'],
    ['a number as a value', '{"csr":1}'],
    ['null as a value', '{"csr":null}'],
    ['an object as a value', '{"csr":{}}'],
    ['an empty text', '{"csr":""}'],
    ['two objects', '{}{}'],
  ])('with %s is refused', (_name, text) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ code: 'ERR_ISSUER_REQUEST' }));
  });

  test('that is not UTF-8 is refused', () => {
    expect(() => read(Buffer.from('7b22637372223a22ff227d', 'hex'))).toThrow('UTF-8');
  });
});

describe('the query of trust', () => {
  test.each([
    ['', { after: -1, waitMs: 0 }],
    ['after=7', { after: 7, waitMs: 0 }],
    ['wait=30&after=0', { after: 0, waitMs: 30_000 }],
  ])('%j is read', (query, expected) => expect(readTrustQuery(query)).toEqual(expected));

  test.each([
    'after',
    'after=',
    '=7',
    'after=-1',
    'after=1.5',
    'after=1e3',
    'after=0x1',
    'after= 1',
    'after=1&after=1',
    'After=1',
    'after=%31',
    'after=1&',
    '&after=1',
    'after=1;wait=1',
    'wait=31',
    `after=${'9'.repeat(16)}`,
  ])('%j is refused', (query) => {
    expect(() => readTrustQuery(query)).toThrow(expect.objectContaining({ code: 'ERR_ISSUER_REQUEST' }));
  });
});

describe('an error', () => {
  const stranger = (error: unknown) => answerTo(error, 'stranger');
  const bodyOf = (answer: Answer | null): string => Buffer.concat(answer?.body ?? []).toString();

  test('tells a stranger of its own mistakes only', () => {
    expect(bodyOf(stranger(new IssuerError('ERR_ISSUER_CSR', 'the key is weak')))).toContain(
      'the key is weak',
    );
    const secret = new IssuerError('ERR_ISSUER_ATTESTATION', 'the token was used on Monday');
    expect(stranger(secret)).toEqual(problem('ERR_ISSUER_ATTESTATION'));
    expect(bodyOf(stranger(new IssuerError('ERR_ISSUER_STATE', 'disk full at /var')))).not.toContain('/var');
    expect(bodyOf(answerTo(secret, 'operator'))).toContain('on Monday');
  });

  test('of a limit says when to come back', () => {
    const error = new IssuerError('ERR_ISSUER_RATE', 'too many', { retryAfterMs: 1_500 });
    expect(stranger(error)).toMatchObject({ status: 429, headers: { 'retry-after': '2' } });
  });

  test.each([new Error('a'), new TypeError('b'), null, new SallyportError('ERR_FILE', 'c')])(
    '%s is a defect',
    (error) => expect(stranger(error)).toBeNull(),
  );
});

describe('waiting requests', () => {
  const stay = (): void => undefined;

  test('are limited by address and in total, and make room when they end', async () => {
    const polls = new LongPolls({ clock: systemClock, totalMax: 3, perAddressMax: 2 });
    const [a, b] = [polls.wait('a', 30_000, stay), polls.wait('a', 30_000, stay)];
    expect(polls.wait('a', 30_000, stay)).toBeNull();
    const c = polls.wait('b', 30_000, stay);
    expect(polls.wait('c', 30_000, stay)).toBeNull();
    expect(polls.size).toBe(3);
    polls.wake();
    expect(await Promise.all([a, b, c])).toEqual(['changed', 'changed', 'changed']);
    expect(polls.size).toBe(0);
    expect(polls.wait('a', 30_000, stay)).not.toBeNull();
  });

  test('end when their caller leaves, and when the issuer closes', async () => {
    const polls = new LongPolls({ clock: systemClock, totalMax: 3, perAddressMax: 3 });
    let leave = stay;
    const left = polls.wait('a', 30_000, (gone) => {
      leave = gone;
    });
    leave();
    expect(await left).toBe('late');
    const open = polls.wait('a', 30_000, stay);
    polls.close();
    expect(await open).toBe('closing');
    expect(await polls.wait('a', 30_000, stay)).toBe('closing');
    expect(polls.size).toBe(0);
  });
});
