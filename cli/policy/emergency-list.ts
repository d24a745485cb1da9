// `sallyport policy emergency list`: what is in force because of an incident, and what has expired.
import { type EmergencyEntry, emergencies } from '../../policy/emergency/active.ts';
import { usage } from '../args.ts';
import type { Io } from '../io.ts';
import { type Cell, table } from '../table.ts';
import { counted, jsonText, shortTime, timeOrNull } from '../text.ts';
import type { EmergencyValues } from './emergency.ts';
import { readPresent } from './emergency-input.ts';
import { printFindings } from './input.ts';

const SECOND_MS = 1000;
const COLUMNS = ['NAME', 'ACTION', 'TARGET', 'LEFT', 'ENDS', 'AUTHOR', 'REASON'] as const;

/** Exit 0, also when there are none; errors of policies are shown beside. */
export async function emergencyList(
  words: readonly string[],
  values: EmergencyValues,
  io: Io,
): Promise<number> {
  if (words.length > 0)
    throw usage(`\`list\` takes no \`${words[0]}\``, 'name the folder with --out or --policy');
  if (values.out === undefined && values.policy === undefined && values.config === undefined)
    throw usage('no policy is named', 'name the folder with --out, --policy or --config');
  const { parsed, nowMs } = await readPresent(values, io);
  const entries = emergencies(parsed.policies, nowMs);
  printFindings(
    io,
    parsed.diagnostics.filter(({ severity }) => severity === 'error'),
  );
  const active = entries.filter(({ leftMs }) => leftMs > 0).length;
  if (values.json)
    io.out(
      jsonText(
        entries.map(({ expiresAtMs, ...entry }) => ({ ...entry, expiresAt: timeOrNull(expiresAtMs) })),
      ),
    );
  else {
    if (entries.length > 0)
      io.out(
        table(
          io,
          COLUMNS.map((title) => ({ title, align: 'left' })),
          entries.map(cellsOf),
        ),
      );
    io.out(`${counted(active, 'emergency rule')} in force, ${entries.length - active} expired\n`);
  }
  return 0;
}

function cellsOf(entry: EmergencyEntry): Cell[] {
  const { name, action, namespace, labels, leftMs, expiresAtMs, author, reason } = entry;
  const left: Cell =
    leftMs > 0
      ? { text: durationText(leftMs), style: 'yellow' }
      : { text: `expired ${durationText(-leftMs)} ago`, style: 'dim' };
  const texts = [name, action, `${namespace} ${labels}`.trim()].map((text) => ({ text }));
  return [...texts, left, { text: shortTime(expiresAtMs) }, { text: author }, { text: reason }];
}

/** `27m 12s`: the two largest units. */
export function durationText(ms: number): string {
  const seconds = Math.floor(ms / SECOND_MS);
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return '0s';
  return parts
    .slice(first, first + 2)
    .map(([count, unit]) => `${count}${unit}`)
    .join(' ');
}
