// How the demo speaks: numbered steps, what was asked and what came back, in colour where there is a
// terminal.
import type { Io } from '../io.ts';
import { paint } from '../paint.ts';
import type { Answer } from './caller.ts';
import type { LogLine } from './sidecar.ts';

export class Narrator {
  private readonly io: Io;
  private steps = 0;

  constructor(io: Io) {
    this.io = io;
  }

  step(title: string, meaning: string): void {
    this.io.out(
      `\n${paint(this.io, 'bold', `${++this.steps}. ${title}`)}\n   ${paint(this.io, 'dim', meaning)}\n`,
    );
  }

  say(text: string): void {
    this.io.out(`   ${text}\n`);
  }

  answer(asked: string, { status, body }: Answer): void {
    const style = status < 400 ? 'green' : 'red';
    this.say(`${asked.padEnd(26)} ${paint(this.io, style, String(status))}  ${body.trim()}`);
  }

  /** The near misses of a denial's log line. */
  near(line: LogLine): void {
    const near = Array.isArray(line['near']) ? (line['near'] as LogLine[]) : [];
    for (const { rule, field, want, got } of near)
      this.say(
        `  log: nearest rule ${rule}: ${field} wants ${JSON.stringify(want)}, got ${JSON.stringify(got)}`,
      );
  }

  /** Decision lines: whose proxy, which way, what it decided by. */
  decision(service: string, line: LogLine): void {
    const { source, destination } = line as Record<string, LogLine>;
    const who = `${accountOf(source?.['principal'])} -> ${destination?.['workload']}`;
    const by = Array.isArray(line['rules']) ? line['rules'].join(', ') : '';
    this.say(
      `  ${`${service}'s proxy`.padEnd(13)} ${line['direction']}, ${who}: ${line['verdict']} by ${by}`,
    );
  }

  /** Flow records: who asked what, what came of it, and how often. */
  flows(flows: readonly LogLine[]): void {
    for (const flow of flows) {
      const { source, http } = flow as Record<string, LogLine>;
      const who = accountOf(source?.['principal']);
      const what = `${String(http?.['method']).padEnd(6)} ${String(http?.['path']).padEnd(14)}`;
      this.say(`  ${who.padEnd(6)} ${what} ${outcomeOf(flow)} x${flow['count']}`);
    }
  }
}

/** In audit mode a deny is not enforced: the verdict says what enforcing would have done. */
function outcomeOf({ verdict, enforced, reason }: LogLine): string {
  if (verdict === 'allow') return `allowed (${reason})`;
  return enforced === false ? `forwarded, would be denied (${reason})` : `denied (${reason})`;
}

function accountOf(principal: unknown): string {
  return String(principal).replace(/^.*\/sa\//, '');
}
