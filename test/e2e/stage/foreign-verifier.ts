// The Go program of test/e2e/foreign/certificate-verifier, as a process that is asked one thing after
// another.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createInterface } from 'node:readline';
import { findCommand } from '../../requirements.ts';

/** Its answer; see main.go. */
export interface ForeignAnswer {
  readonly Ok: boolean;
  readonly Error: string;
  readonly Text: string;
  readonly Port: number;
}

type Request = Readonly<Record<string, unknown>> & { readonly Do: string };

export class ForeignVerifier {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting: ((answer: ForeignAnswer) => void)[] = [];

  constructor() {
    const command = findCommand('certificate-verifier');
    if (command === undefined) throw new Error('certificate-verifier is missing: run .ci/run');
    this.#child = spawn(command, { stdio: 'pipe' });
    createInterface({ input: this.#child.stdout }).on('line', (line) =>
      this.#waiting.shift()?.(JSON.parse(line) as ForeignAnswer),
    );
  }

  ask(request: Request): Promise<ForeignAnswer> {
    const answer = new Promise<ForeignAnswer>((resolve) => this.#waiting.push(resolve));
    this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    return answer;
  }

  /** `call` or `serve` with a chain and its key; another key where Go cannot use that one. */
  async present(request: Request, chain: readonly Buffer[], key: KeyObject): Promise<ForeignAnswer> {
    const Chain = chain.map((der) => der.toString('base64'));
    const answer = await this.ask({ ...request, Chain, Key: pkcs8(key) });
    if (!answer.Error.startsWith('key: ')) return answer;
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    return this.ask({ ...request, Chain, Key: pkcs8(privateKey) });
  }

  close(): void {
    this.#child.kill();
  }
}

const pkcs8 = (key: KeyObject): string => key.export({ format: 'der', type: 'pkcs8' }).toString('base64');
