// The jobs of deploy/ci, step by step in a real repository of Git; this checkout stands in for the image.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const MAIN = join(ROOT, 'cli', 'main.ts');
const policy = (methods: string): string => `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  rules:
  - from: [{source: {principals: [example.org/ns/shop/sa/web]}}]
    to: [{operation: {methods: [${methods}], paths: ["/items/{*}"]}}]
`;

let dir: string;
let base: string;
const git = (...args: string[]): string =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...args], {
    cwd: join(dir, 'repository'),
    encoding: 'utf8',
  }).trim();

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'sallyport-jobs-'));
  mkdirSync(join(dir, 'repository', 'policies'), { recursive: true });
  mkdirSync(join(dir, 'bin'));
  // `docker run … IMAGE ARGUMENTS` is what the image would be called with.
  writeFileSync(
    join(dir, 'bin', 'docker'),
    `#!/bin/sh\nwhile [ "$1" != "$IMAGE" ]; do shift; done; shift\nexec '${process.execPath}' '${MAIN}' "$@"\n`,
  );
  chmodSync(join(dir, 'bin', 'docker'), 0o755);
  git('init', '-q');
  writeFileSync(join(dir, 'repository', 'policies', 'web.yaml'), policy('GET, PUT'));
  git('add', '-A');
  git('commit', '-q', '-m', 'before');
  base = git('rev-parse', 'HEAD');
});
afterAll(() => rmSync(dir, { recursive: true }));

interface Outcome {
  /** The step that failed; null when none did. */
  readonly failed: string | null;
  readonly printed: string;
}

/** Runs steps in the order given; each sees what the last one wrote for it. */
function run(steps: readonly { name: string; script: string }[], env: Record<string, string>): Outcome {
  const cwd = join(dir, 'repository');
  git('worktree', 'prune');
  rmSync(join(cwd, '.before'), { recursive: true, force: true });
  git('worktree', 'prune');
  const envFile = join(dir, 'env');
  writeFileSync(envFile, '');
  let printed = '';
  for (const { name, script } of steps) {
    const made = readFileSync(envFile, 'utf8').trim().split('\n').filter(Boolean);
    const { status, stdout, stderr } = spawnSync('bash', ['-e', '-c', script], {
      cwd,
      encoding: 'utf8',
      env: {
        ...process.env,
        ...env,
        GITHUB_ENV: envFile,
        ...Object.fromEntries(
          made.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
        ),
        PATH: `${join(dir, 'bin')}:${process.env['PATH']}`,
      },
    });
    printed += stdout + stderr;
    if (status !== 0) return { failed: name, printed };
  }
  return { failed: null, printed };
}

interface GitHubJob {
  readonly env: Record<string, string>;
  readonly jobs: {
    readonly policies: { readonly steps: readonly { name?: string; run?: string; if?: string }[] };
  };
}

function onGitHub(labelled: boolean): Outcome {
  const job: GitHubJob = parse(readFileSync(join(ROOT, 'deploy/ci/github-policies.yaml'), 'utf8'));
  const steps = job.jobs.policies.steps.flatMap(({ name = '', run: script, if: condition }) =>
    script === undefined || (condition !== undefined && labelled) ? [] : [{ name, script }],
  );
  expect(steps.length).toBeGreaterThanOrEqual(4);
  const summary = join(dir, 'summary');
  writeFileSync(summary, '');
  const outcome = run(steps, { ...job.env, BASE: base, GITHUB_STEP_SUMMARY: summary });
  return { ...outcome, printed: outcome.printed + readFileSync(summary, 'utf8') };
}

interface GitLabJobs {
  readonly variables: Record<string, string>;
  readonly 'policies-before': { readonly script: readonly string[] };
  readonly policies: { readonly script: readonly string[] };
}

function onGitLab(labelled: boolean): Outcome {
  const jobs: GitLabJobs = parse(readFileSync(join(ROOT, 'deploy/ci/gitlab-policies.yaml'), 'utf8'));
  expect(jobs.variables['SALLYPORT']).toBe('node /app/dist/cli/main.js');
  expect(readFileSync(join(ROOT, 'Dockerfile'), 'utf8')).toContain('COPY --from=build /app/dist dist');
  const steps = (['policies-before', 'policies'] as const).map((name) => {
    return { name, script: jobs[name].script.join('\n') };
  });
  const outcome = run(steps, {
    ...jobs.variables,
    SALLYPORT: `${process.execPath} ${MAIN}`,
    CI_MERGE_REQUEST_DIFF_BASE_SHA: base,
    CI_MERGE_REQUEST_LABELS: labelled ? 'a,policy-widening,b' : 'a,not-policy-widening',
  });
  return { ...outcome, printed: outcome.printed + readFileSync(join(dir, 'repository/policies.md'), 'utf8') };
}

describe.each([
  { name: 'GitHub', job: onGitHub, diffStep: 'nothing more is allowed', checkStep: 'errors and findings' },
  { name: 'GitLab', job: onGitLab, diffStep: 'policies', checkStep: 'policies' },
])('the job for $name', ({ job, diffStep, checkStep }) => {
  const change = (text: string): void => {
    writeFileSync(join(dir, 'repository', 'policies', 'web.yaml'), text);
    appendFileSync(join(dir, 'repository', 'policies.md'), '');
  };

  test('passes a change that allows less, and says what it means', () => {
    change(policy('GET'));
    const { failed, printed } = job(false);
    expect(failed, printed).toBeNull();
    expect(printed).toContain('0 widenings, 1 narrowing, 0 undecided');
  });

  test('fails one that allows more, until it is labelled', () => {
    change(policy('GET, PUT, DELETE'));
    const refused = job(false);
    expect(refused.failed, refused.printed).toBe(diffStep);
    expect(refused.printed).toContain('DELETE');
    expect(job(true).failed).toBeNull();
  });

  test('fails one that is no policy, with its place', () => {
    change(policy('get'));
    const { failed, printed } = job(true);
    expect(failed).toBe(checkStep);
    expect(printed).toContain('policies/web.yaml:8:');
  });

  test('says that nothing changed', () => {
    change(policy('PUT, GET'));
    const { failed, printed } = job(false);
    expect(failed, printed).toBeNull();
    expect(printed).toContain('Equivalent');
  });
});
