// The corpus through the verifier, on both sides of a connection: nothing bad is accepted, nothing good
// refused, and every refusal names its reason.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BAD, BAD_ROWS, GOOD } from './corpus.ts';
import { type Cast, createCast, judge } from './sample.ts';

let cast: Cast;
const counted = { bad: 0, accepted: 0, good: 0, refused: 0 };

beforeAll(async () => {
  cast = await createCast();
});

afterAll(() => {
  const { bad, accepted, good, refused } = counted;
  process.stdout.write(`${bad} bad: ${accepted} accepted, ${good} good: ${refused} refused\n`);
});

for (const [topic, rows] of Object.entries(BAD)) {
  describe(`bad ${topic}`, () => {
    test.each(rows)('$name ($section)', async ({ make, expect: expected }) => {
      const sample = await make(cast);
      counted.bad++;
      const [client, server] = [judge(cast, sample, 'client'), judge(cast, sample, 'server')];
      if (client === 'ok' || server === 'ok') counted.accepted++;
      expect(client.slice(0, expected.length)).toBe(expected);
      expect(server.slice(0, expected.length)).toBe(expected);
    });
  });
}

describe('good', () => {
  test.each(GOOD)('$name ($section)', async ({ make }) => {
    const sample = await make(cast);
    counted.good++;
    const [client, server] = [judge(cast, sample, 'client'), judge(cast, sample, 'server')];
    if (client !== 'ok' || server !== 'ok') counted.refused++;
    expect([client, server]).toEqual(['ok', 'ok']);
  });
});

test('the corpus is large, and no two rows of a topic have one name', () => {
  expect(BAD_ROWS.length).toBeGreaterThanOrEqual(100);
  expect(GOOD.length).toBeGreaterThanOrEqual(40);
  for (const rows of [...Object.values(BAD), GOOD])
    expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
});
