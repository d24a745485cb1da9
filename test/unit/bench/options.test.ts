// Arguments of the harness: what is accepted, and what is refused with usage.
import { describe, expect, it } from 'vitest';
import { parseOptions } from '../../../bench/options.ts';

describe('parseOptions', () => {
  const accepted = [
    { name: 'nothing', args: [], expect: { scenarios: [], quick: false, rounds: null, seconds: null } },
    {
      name: 'quick',
      args: ['--quick'],
      expect: { scenarios: [], quick: true },
    },
    { name: 'quick, longer', args: ['--quick', '--seconds', '3'], expect: { quick: true, seconds: 3 } },
    {
      name: 'a scenario',
      args: ['idle', '--json', 'x.json'],
      expect: { scenarios: ['idle'], json: 'x.json' },
    },
    { name: 'two scenarios', args: ['idle', 'memory'], expect: { scenarios: ['idle', 'memory'] } },
    { name: 'no body', args: ['--body', '0'], expect: { bodyBytes: 0 } },
    { name: 'some peers', args: ['--peers', 'haproxy,nginx'], expect: { peers: ['haproxy', 'nginx'] } },
  ];
  it.each(accepted)('accepts $name', ({ args, expect: want }) =>
    expect(parseOptions(args)).toMatchObject(want),
  );

  const refused = [
    { name: 'an unknown option', args: ['--fast'] },
    { name: 'no rounds', args: ['--rounds', '0'] },
    { name: 'half a round', args: ['--rounds', '1.5'] },
    { name: 'no number', args: ['--seconds', 'soon'] },
    { name: 'an empty number', args: ['--seconds', ''] },
    { name: 'no window', args: ['--seconds', '0'] },
    { name: 'no connection', args: ['--connections', '0'] },
    { name: 'less than no body', args: ['--body', '-1'] },
    { name: 'a missing value', args: ['--json'] },
  ];
  it.each(refused)('refuses $name', ({ args }) => expect(() => parseOptions(args)).toThrow());
});
