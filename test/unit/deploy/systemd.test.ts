// The systemd unit: what the sandbox forbids, how fast a crash is mended, and systemd's own opinion where it
// is installed.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findCommand } from '../../requirements.ts';

const unit = join(import.meta.dirname, '../../../deploy/systemd/sallyport.service');
const settings = readFileSync(unit, 'utf8')
  .split('\n')
  .filter((line) => line.includes('=') && !line.startsWith('#'))
  .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const);
const all = (name: string): string[] => settings.filter(([key]) => key === name).map(([, value]) => value);

const ROWS: readonly { name: string; expect: string[] }[] = [
  { name: 'DynamicUser', expect: ['yes'] },
  { name: 'ProtectSystem', expect: ['strict'] },
  { name: 'NoNewPrivileges', expect: ['yes'] },
  { name: 'CapabilityBoundingSet', expect: [''] },
  { name: 'RestrictAddressFamilies', expect: ['AF_INET AF_INET6 AF_UNIX'] },
  { name: 'SystemCallFilter', expect: ['@system-service', '~@privileged'] },
  { name: 'MemoryDenyWriteExecute', expect: ['no'] },
  { name: 'Restart', expect: ['always'] },
  { name: 'RestartSec', expect: ['0'] },
  { name: 'StartLimitIntervalSec', expect: ['0'] },
  { name: 'RestartPreventExitStatus', expect: ['2'] },
  { name: 'KillMode', expect: ['mixed'] },
  { name: 'WatchdogSec', expect: [] },
];
const analyze = findCommand('systemd-analyze') ?? '';

describe('the unit', () => {
  test.each(ROWS)('sets $name to $expect', (row) => expect(all(row.name)).toEqual(row.expect));

  test('has descriptors for every connection of the default limits, and its upstream', () => {
    expect(Number(all('LimitNOFILE')[0])).toBeGreaterThan(2 * 10_000);
  });

  test.runIf(analyze !== '')('passes systemd-analyze verify', () => {
    const { stderr, status } = spawnSync(analyze, ['verify', unit], { encoding: 'utf8' });
    // The paths of ExecStart exist on the machine it is installed on, not here.
    const complaints = stderr
      .split('\n')
      .filter((line) => line !== '' && !line.includes('is not executable'));
    expect(complaints).toEqual([]);
    expect(stderr === '' ? status : 0).toBe(0);
  });

  test.runIf(analyze !== '')('is exposed no more than 2.0 of 10 by systemd-analyze security', () => {
    const options = ['security', '--offline=true', '--threshold=20', unit];
    expect(spawnSync(analyze, options, { encoding: 'utf8' }).status).toBe(0);
  });
});
