// Arguments of the harness: what is accepted, and what is refused with usage.
import { describe, expect, it } from 'vitest';
import { parseOptions } from '../../../bench/options.ts';

describe('parseOptions', () => {
  const accepted = [
    { name: 'nothing', args: [], expect: { scenario: 'requests', quick: false, rounds: 7, seconds: 5 } },
    {
      name: 'quick',
      args: ['--quick'],
      expect: { scenario: 'requests', quick: true, rounds: 5, seconds: 1.2 },
    },
    { name: 'quick, longer', args: ['--quick', '--seconds', '3'], expect: { rounds: 5, seconds: 3 } },
    { name: 'a scenario', args: ['idle', '--json', 'x.json'], expect: { scenario: 'idle', json: 'x.json' } },
    { name: 'some peers', args: ['--peers', 'haproxy,nginx'], expect: { peers: ['haproxy', 'nginx'] } },
  ];
  it.each(accepted)('accepts $name', ({ args, expect: want }) =>
    expect(parseOptions(args)).toMatchObject(want),
  );

  const refused = [
    { name: 'an unknown option', args: ['--fast'] },
    { name: 'two scenarios', args: ['idle', 'memory'] },
    { name: 'no rounds', args: ['--rounds', '0'] },
    { name: 'half a round', args: ['--rounds', '1.5'] },
    { name: 'no number', args: ['--seconds', 'soon'] },
    { name: 'an empty number', args: ['--seconds', ''] },
    { name: 'no window', args: ['--seconds', '0'] },
    { name: 'no connection', args: ['--connections', '0'] },
    { name: 'no body', args: ['--body', '0'] },
    { name: 'a missing value', args: ['--json'] },
  ];
  it.each(refused)('refuses $name', ({ args }) => expect(() => parseOptions(args)).toThrow());
});
