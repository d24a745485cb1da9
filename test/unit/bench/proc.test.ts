// Reading /proc: tricky process names, absent fields, CPU lists.
import { describe, expect, it } from 'vitest';
import { cpuTimeUs, fieldKib, memoryOf, parseCpuList, parseStat, processTree } from '../../../bench/proc.ts';
import { planCpus, Session } from '../../../bench/session.ts';

const stat = (name: string): string =>
  `42 (${name}) S 7 42 42 0 -1 4194560 100 0 0 0 250 50 30 20 20 0 1 0 100 200 300`;

describe('parseStat', () => {
  it.each([{ name: 'node' }, { name: 'a b' }, { name: 'x) S 1 (y' }])(
    'reads a process named $name',
    ({ name }) => expect(parseStat(stat(name))).toEqual({ parentPid: 7, ownTicks: 300, childTicks: 50 }),
  );
});

describe('fieldKib', () => {
  const text = 'Name:\tnode\nVmRSS:\t   71234 kB\nRssAnon:\t 5 kB\n';
  it.each([
    { name: 'VmRSS:', text, expect: 71_234 },
    { name: 'Pss:', text, expect: null },
    { name: 'VmRSS:', text: null, expect: null },
  ])('$name', ({ name, text: input, expect: want }) => expect(fieldKib(input, name)).toBe(want));
});

describe('parseCpuList', () => {
  it.each([
    { input: '', expect: [] },
    { input: '0', expect: [0] },
    { input: '0-1,4', expect: [0, 1, 4] },
    { input: '2-4', expect: [2, 3, 4] },
  ])('`$input`', ({ input, expect: want }) => expect(parseCpuList(input)).toEqual(want));
});

describe('planCpus', () => {
  it.each([
    { name: 'one CPU', allowed: [0], canPin: true, expect: undefined },
    { name: 'no taskset', allowed: [0, 1], canPin: false, expect: undefined },
    { name: 'the allowed ones', allowed: [4, 6, 7], canPin: true, expect: { proxy: '4', load: '6' } },
  ])('$name', ({ allowed, canPin, expect: want }) => expect(planCpus(allowed, canPin)).toEqual(want));
});

describe.runIf(process.platform === 'linux')('this process', () => {
  it('has CPU time, memory and itself in its tree', () => {
    expect(processTree(process.pid)[0]).toBe(process.pid);
    expect(cpuTimeUs([process.pid])).toBeGreaterThan(0);
    expect(memoryOf([process.pid]).rssKib).toBeGreaterThan(10_000);
  });

  it('counts nothing for a process that ended', async () => {
    const session = new Session();
    const child = session.start({ name: 'true', command: 'true', args: [] });
    await child.exited;
    expect(cpuTimeUs([child.pid])).toBe(0);
    await session.close();
  });
});
