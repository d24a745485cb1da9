// `sallyport policy check` of 100,000 rules as a user runs it, and what the same rules cost a proxy: compiled
// from parsed objects, and swapped.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { compile } from '../../policy/compile.ts';
import { loadTable } from '../../policy/table.ts';
import { mistakesOf, writePolicyFolder } from './check-rules.ts';
import { OPTIONS, policiesOf, WORKLOAD } from './decision-rules.ts';
import { type Figure, fastestOf } from './measure.ts';

const RULES = 100_000;
const MAIN = join(import.meta.dirname, '../../cli/main.ts');
const [CHECK_S_MAX, RSS_MB_MAX, COMPILE_MS_MAX, STALL_MS_MAX] = [20, 1_536, 1_000, 20];
const TURNS = 3;

/** Seconds, megabytes and milliseconds. The check runs once: it takes most of a minute on a busy machine. */
export async function checkFigures(turns = TURNS, rules = RULES): Promise<Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-check-'));
  try {
    writePolicyFolder(folder, rules);
    const { seconds, cpuSeconds, rssMb, counts } = await runCheck(folder);
    refuseOtherCounts(counts, rules);
    const many = `${rules.toLocaleString('en')} rules`;
    return [
      { name: `check ${many}`, value: seconds, unit: 's', target: CHECK_S_MAX },
      { name: 'its CPU time', value: cpuSeconds, unit: 's' },
      { name: 'its memory (maximum RSS)', value: rssMb, unit: 'MB', target: RSS_MB_MAX },
      ...(await proxyFigures(turns, rules)),
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function proxyFigures(turns: number, rules: number): Promise<Figure[]> {
  const many = `${rules.toLocaleString('en')} rules`;
  const policies = policiesOf('callers', rules);
  const answer = serialize(compile(policies, WORKLOAD, OPTIONS));
  const task = (name: string, target: number, run: () => unknown) =>
    ({ name, unit: 'ms', operations: 1, target, run }) as const;
  return fastestOf(
    [
      task(`compile ${many} from parsed objects`, COMPILE_MS_MAX, () => compile(policies, WORKLOAD, OPTIONS)),
      // All that a swap does on the proxy's own thread before live connections are judged again, in slices.
      task(`swap to ${many}: answer read, table in use`, STALL_MS_MAX, () => loadTable(deserialize(answer))),
    ],
    turns,
  );
}

interface CheckRun {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly rssMb: number;
  readonly counts: ReadonlyMap<string, number>;
}

// The process itself knows its largest memory; nobody else does without help of the system.
const TELL = `data:text/javascript,${encodeURIComponent(
  "import { writeSync } from 'node:fs'; process.on('exit', () => { const u = process.resourceUsage(); writeSync(3, JSON.stringify([(u.userCPUTime + u.systemCPUTime) / 1e6, u.maxRSS / 1e3])); });",
)}`;

function runCheck(folder: string): Promise<CheckRun> {
  const start = performance.now();
  const child = spawn(process.execPath, ['--import', TELL, MAIN, 'policy', 'check', folder, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
  });
  const texts = [1, 3].map((fd) => {
    const chunks: Buffer[] = [];
    child.stdio[fd]?.on('data', (chunk: Buffer) => chunks.push(chunk));
    return chunks;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => {
      const seconds = (performance.now() - start) / 1_000;
      const [out, told] = texts.map((chunks) => Buffer.concat(chunks).toString());
      const [cpuSeconds = 0, rssMb = 0]: number[] = JSON.parse(told ?? '[]');
      const { findings }: { findings: { code: string }[] } = JSON.parse(out ?? '{}');
      const counts = new Map<string, number>();
      for (const { code } of findings) counts.set(code, (counts.get(code) ?? 0) + 1);
      resolve({ seconds, cpuSeconds, rssMb, counts });
    });
  });
}

/** A fast check that finds nothing is worth nothing. */
function refuseOtherCounts(counts: ReadonlyMap<string, number>, rules: number): void {
  const { shadowed, duplicate, unreachable } = mistakesOf(rules);
  const wanted = {
    LINT_POLICY_SHADOWED: shadowed,
    LINT_POLICY_DUPLICATE: duplicate,
    LINT_POLICY_UNREACHABLE: unreachable,
  };
  for (const [code, count] of Object.entries(wanted))
    if (counts.get(code) !== count)
      throw new Error(`${counts.get(code) ?? 0} findings ${code} instead of ${count}`);
}
