// The systemd units: what the sandbox forbids, how fast a crash is mended, and systemd's own opinion where it
// is installed.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseIssuerConfig } from '../../../core/issuer-config/load.ts';
import { findCommand } from '../../requirements.ts';

const folder = join(import.meta.dirname, '../../../deploy/systemd');

interface Row {
  readonly name: string;
  readonly expect: readonly string[];
}

/** What both units have. */
const ROWS: readonly Row[] = [
  { name: 'DynamicUser', expect: ['yes'] },
  { name: 'ProtectSystem', expect: ['strict'] },
  { name: 'NoNewPrivileges', expect: ['yes'] },
  { name: 'RestrictAddressFamilies', expect: ['AF_INET AF_INET6 AF_UNIX'] },
  { name: 'MemoryDenyWriteExecute', expect: ['no'] },
  { name: 'Restart', expect: ['always'] },
  { name: 'RestartSec', expect: ['0'] },
  { name: 'StartLimitIntervalSec', expect: ['0'] },
  { name: 'RestartPreventExitStatus', expect: ['2'] },
  { name: 'KillMode', expect: ['mixed'] },
  { name: 'WatchdogSec', expect: [] },
];

const UNITS: readonly { unit: string; rows: readonly Row[] }[] = [
  {
    unit: 'sallyport.service',
    rows: [
      { name: 'CapabilityBoundingSet', expect: [''] },
      { name: 'AmbientCapabilities', expect: [''] },
      { name: 'SystemCallFilter', expect: ['@system-service', '~@privileged'] },
    ],
  },
  {
    unit: 'sallyport-issuer.service',
    rows: [
      { name: 'CapabilityBoundingSet', expect: ['CAP_CHOWN'] },
      { name: 'AmbientCapabilities', expect: ['CAP_CHOWN'] },
      { name: 'SystemCallFilter', expect: ['@system-service', '~@privileged', '@chown'] },
      { name: 'StateDirectory', expect: ['sallyport-issuer'] },
      { name: 'StateDirectoryMode', expect: ['0700'] },
      { name: 'RuntimeDirectory', expect: ['sallyport-issuer'] },
      { name: 'RuntimeDirectoryMode', expect: ['0711'] },
      { name: 'LoadCredential', expect: ['issuer.secret:/etc/sallyport/issuer.secret'] },
    ],
  },
];
const analyze = findCommand('systemd-analyze') ?? '';

const linesOf = (unit: string): string[] => readFileSync(join(folder, unit), 'utf8').split('\n');
const all = (unit: string, name: string): string[] =>
  linesOf(unit)
    .filter((line) => line.startsWith(`${name}=`))
    .map((line) => line.slice(name.length + 1));

describe.each(UNITS)('$unit', ({ unit, rows }) => {
  test.each([...ROWS, ...rows])('sets $name to $expect', ({ name, expect: expected }) => {
    expect(all(unit, name)).toEqual(expected);
  });

  test('has descriptors for every connection of the default limits, and its upstream', () => {
    expect(Number(all(unit, 'LimitNOFILE')[0])).toBeGreaterThan(2 * 10_000);
  });

  test.runIf(analyze !== '')('passes systemd-analyze verify', () => {
    const { stderr, status } = spawnSync(analyze, ['verify', join(folder, unit)], { encoding: 'utf8' });
    // The paths of ExecStart exist on the machine it is installed on, not here.
    const complaints = stderr
      .split('\n')
      .filter((line) => line !== '' && !line.includes('is not executable'));
    expect(complaints).toEqual([]);
    expect(stderr === '' ? status : 0).toBe(0);
  });

  test.runIf(analyze !== '')('is exposed no more than 2.0 of 10 by systemd-analyze security', () => {
    const options = ['security', '--offline=true', '--threshold=20', join(folder, unit)];
    expect(spawnSync(analyze, options, { encoding: 'utf8' }).status).toBe(0);
  });
});

test('the configuration that the issuer’s unit shows is one, in the folders that systemd makes', () => {
  const shown = linesOf('sallyport-issuer.service').filter((line) => line.startsWith('#   '));
  const yaml = shown.map((line) => line.slice(4)).filter((line) => /^\w+: /.test(line));
  const config = parseIssuerConfig(yaml.join('\n'), '/etc/sallyport/issuer.yaml');
  expect(config).toMatchObject({
    state: '/var/lib/sallyport-issuer',
    secretFile: '/run/credentials/sallyport-issuer.service/issuer.secret',
    socketsDirectory: '/run/sallyport-issuer',
  });
});
