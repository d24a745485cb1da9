// Reads a Dockerfile as far as ours goes, and carries out its stages in plain folders: there is no engine to
// ask.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';

/** One instruction, with its continuation lines joined. */
export interface Instruction {
  readonly name: string;
  readonly text: string;
}

/** One `FROM … AS name` and what follows it; an unnamed stage is called by its index. */
export interface Stage {
  readonly name: string;
  readonly base: string;
  readonly instructions: readonly Instruction[];
}

/** What a stage left behind: its root folder and its working folder in it. */
export interface BuiltStage {
  readonly root: string;
  readonly workdir: string;
}

/** Splits a Dockerfile into stages; `ARG` before the first `FROM` is left out. */
export function parseDockerfile(text: string): Stage[] {
  const stages: (Stage & { instructions: Instruction[] })[] = [];
  for (const { name, text: rest } of instructionsOf(text)) {
    if (name === 'FROM') {
      const [base = '', as, alias] = rest.split(/\s+/);
      const stage = as?.toUpperCase() === 'AS' && alias !== undefined ? alias : String(stages.length);
      stages.push({ name: stage, base, instructions: [] });
    } else {
      stages.at(-1)?.instructions.push({ name, text: rest });
    }
  }
  return stages;
}

/** The words of an exec-form instruction. @throws SyntaxError for the shell form */
export function execForm(text: string): string[] {
  const words: unknown = JSON.parse(text.slice(text.indexOf('[')));
  if (!Array.isArray(words)) throw new SyntaxError(`not an exec form: ${text}`);
  return words.map(String);
}

/**
 * Carries out COPY, WORKDIR and RUN of every stage under `folder`; the commands see this machine, not the
 * base.
 */
export function buildStages(
  stages: readonly Stage[],
  context: string,
  folder: string,
): Map<string, BuiltStage> {
  const built = new Map<string, BuiltStage>();
  for (const { name: stage, instructions } of stages) {
    const root = join(folder, stage);
    let workdir = root;
    for (const { name, text } of instructions) {
      if (name === 'WORKDIR') {
        workdir = join(root, text);
        mkdirSync(workdir, { recursive: true });
      } else if (name === 'COPY') {
        copy(text.split(/\s+/), context, workdir, built);
      } else if (name === 'RUN') {
        const { status, stdout, stderr } = spawnSync('sh', ['-c', text], { cwd: workdir, encoding: 'utf8' });
        if (status !== 0) throw new Error(`${stage}: RUN ${text}\n${stdout}${stderr}`);
      }
    }
    built.set(stage, { root, workdir });
  }
  return built;
}

function copy(words: string[], context: string, workdir: string, built: Map<string, BuiltStage>): void {
  const from = words[0]?.startsWith('--from=') ? words.shift()?.slice('--from='.length) : undefined;
  const origin = from === undefined ? context : built.get(from)?.root;
  const target = words.pop();
  if (origin === undefined || target === undefined) throw new Error(`COPY ${words.join(' ')}: no such stage`);
  for (const word of words) {
    const into = target.endsWith('/') ? join(workdir, target, basename(word)) : join(workdir, target);
    cpSync(join(origin, word), into, { recursive: true });
  }
}

function instructionsOf(text: string): Instruction[] {
  const joined = text
    .split('\n')
    .filter((line) => !line.trimStart().startsWith('#'))
    .join('\n')
    .replaceAll('\\\n', ' ');
  return joined
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([name]) => name !== undefined && name !== '')
    .map(([name = '', ...rest]) => ({ name: name.toUpperCase(), text: rest.join(' ') }));
}
