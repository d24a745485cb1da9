// What the Dockerfile promises: stages, no root, exec forms, and nothing from the tree but what it names.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { execForm, parseDockerfile } from './dockerfile.ts';

const root = join(import.meta.dirname, '../../..');
const text = readFileSync(join(root, 'Dockerfile'), 'utf8');
const stages = parseDockerfile(text);
const final = stages.at(-1);
const of = (name: string): string[] =>
  (final?.instructions ?? []).filter((one) => one.name === name).map((one) => one.text);

describe('the image', () => {
  test('is built in stages from one pinned base', () => {
    expect(stages.length).toBeGreaterThan(1);
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the Dockerfile's own variable
    expect(new Set(stages.map(({ base }) => base))).toEqual(new Set(['node:${NODE_VERSION}-bookworm-slim']));
    const version = /^ARG NODE_VERSION=(\d+\.\d+\.\d+)$/m.exec(text)?.[1];
    expect(version).toBe(devDependency('node'));
  });

  test('runs as a number that is not root', () => expect(of('USER')).toEqual(['65532:65532']));

  test('hands signals to node itself', () => {
    expect(execForm(of('ENTRYPOINT')[0] ?? '')).toEqual([
      'node',
      '--openssl-config=openssl.cnf',
      '--max-semi-space-size=2',
      'dist/cli/main.js',
    ]);
    expect(execForm(of('CMD')[0] ?? '')[0]).toBe('proxy');
  });

  test('has a health check that needs no curl', () => {
    const words = execForm(of('HEALTHCHECK')[0] ?? '');
    expect(words.slice(0, 2)).toEqual(['node', '-e']);
    expect(words[2]).toContain('/healthz');
  });

  test('says what it is', () => {
    for (const label of ['title', 'description', 'licenses']) {
      expect(of('LABEL').join(' ')).toContain(`org.opencontainers.image.${label}=`);
    }
  });

  test('holds no sources and no development packages', () => {
    const copied = of('COPY').join('\n');
    expect(copied).not.toMatch(/^(core|policy|certs|proxy|cli) /m);
    expect(copied).toContain('--from=packages /app/node_modules');
    const install = stages.find(({ name }) => name === 'packages')?.instructions.at(-1)?.text;
    expect(install).toBe('npm ci --omit=dev --ignore-scripts');
  });

  test('copies only what .dockerignore lets through and what exists', () => {
    const ignore = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n');
    expect(ignore).toContain('*');
    const names = stages
      .flatMap(({ instructions }) => instructions)
      .filter((one) => one.name === 'COPY' && !one.text.startsWith('--from='))
      .flatMap((one) => one.text.split(' ').slice(0, -1));
    for (const name of names) {
      expect(ignore).toContain(`!${name}`);
      expect(existsSync(join(root, name)), name).toBe(true);
    }
  });
});

describe('the reader of Dockerfiles', () => {
  test('joins lines and drops comments', () => {
    const parsed = parseDockerfile('FROM a AS b\n# c\nRUN x \\\n  y\nFROM d\nUSER 1');
    expect(parsed).toEqual([
      { name: 'b', base: 'a', instructions: [{ name: 'RUN', text: 'x y' }] },
      { name: '1', base: 'd', instructions: [{ name: 'USER', text: '1' }] },
    ]);
  });
  test.each(['node main.js', '["node"', '{}'])('refuses the shell form %s', (form) => {
    expect(() => execForm(form)).toThrow(SyntaxError);
  });
});

function devDependency(name: string): unknown {
  const manifest: unknown = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const all: unknown = Reflect.get(Object(manifest), 'devDependencies');
  return Reflect.get(Object(all), name);
}
