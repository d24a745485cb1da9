// An issuer for tests: a state folder of its own, a clock that the test turns, and keys to ask with.
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { localCertificateRequest } from '../../../../certs/issuer/certificate-request.ts';
import type {
  Attestation,
  AuditEntry,
  Issued,
  Issuer,
  IssuerOptions,
} from '../../../../certs/issuer/issuer.ts';
import { IssuerError } from '../../../../certs/issuer/issuer-error.ts';
import { type OpenDetails, openIssuer } from '../../../../certs/issuer/open-issuer.ts';
import { type KdfParameters, newKdfParameters } from '../../../../certs/issuer/sealed-keys.ts';
import type { Clock } from '../../../../core/clock.ts';

export const TD = 'example.org';
export const WEB = 'spiffe://example.org/ns/shop/sa/web';
export const SECRET = Buffer.from('a secret of the tests, long enough');
export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** Time that stands still until `pass`. */
export class TestClock implements Clock {
  nowMs: number;
  #monotonicMs = 0;
  #timers: { atMs: number; task: () => void }[] = [];

  constructor(nowMs = Date.UTC(2026, 0, 1)) {
    this.nowMs = nowMs;
  }

  now(): number {
    return this.nowMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  after(delayMs: number, task: () => void): { cancel(): void } {
    const timer = { atMs: this.#monotonicMs + delayMs, task };
    this.#timers.push(timer);
    return { cancel: () => this.#drop(timer) };
  }

  /** Lets time pass, then runs what is due, once. */
  pass(ms: number): void {
    this.nowMs += ms;
    this.#monotonicMs += ms;
    for (const timer of this.#timers.filter(({ atMs }) => atMs <= this.#monotonicMs)) {
      this.#drop(timer);
      timer.task();
    }
  }

  #drop(timer: { atMs: number; task: () => void }): void {
    this.#timers = this.#timers.filter((one) => one !== timer);
  }
}

export interface TestIssuer {
  readonly issuer: Issuer;
  readonly clock: TestClock;
  readonly folder: string;
  readonly heard: AuditEntry[];
  readonly problems: Error[];
  /** Closes it and opens the same state again. */
  reopen(changes?: Partial<IssuerOptions>): Promise<TestIssuer>;
  /** An SVID for `spiffeId` by a join token of its own. */
  join(spiffeId?: string): Issued;
  ask(attestation: Attestation, from?: string): Issued;
  renew(issued: Issued): Issued;
}

const csr = localCertificateRequest(
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'der', type: 'spki' }),
);

/** 2 ms instead of 200: tests open hundreds of states. */
const cheapKdf = (): KdfParameters => ({ ...newKdfParameters(), n: 1024 });

/** A folder that goes away with the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-issuer-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

export async function openTestIssuer(
  changes: Partial<IssuerOptions> = {},
  given: OpenDetails & { readonly clock?: TestClock } = {},
): Promise<TestIssuer> {
  const clock = given.clock ?? new TestClock();
  const folder = changes.stateFolder ?? join(temporaryFolder(), 'state');
  const heard: AuditEntry[] = [];
  const problems: Error[] = [];
  const options: IssuerOptions = {
    trustDomain: TD,
    stateFolder: folder,
    secret: SECRET,
    clock,
    onAudit: (entry) => heard.push(entry),
    onProblem: (error) => problems.push(error),
    ...changes,
  };
  const issuer = await openIssuer(options, { kdfParameters: cheapKdf, ...given });
  onTestFinished(() => issuer.close());
  const ask = (attestation: Attestation, from = '10.0.0.1'): Issued =>
    issuer.issue({ attestation, csr, from });
  return {
    ...{ issuer, clock, folder, heard, problems, ask },
    reopen: (more) => {
      issuer.close();
      return openTestIssuer({ ...changes, ...more, stateFolder: folder }, { clock });
    },
    join: (spiffeId = WEB) => ask({ kind: 'join-token', token: tokenFor(issuer, spiffeId) }),
    renew: ({ spiffeId, serial }) => ask({ kind: 'renewal', spiffeId, serial }),
  };
}

export function tokenFor(issuer: Issuer, spiffeId = WEB, ttlMs = 600_000): string {
  return issuer.createJoinToken({ spiffeId, ttlMs, author: 'test' }).token;
}

/** The code of what `work` throws, or `ok`. */
export function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof IssuerError) return error.code;
    throw error;
  }
  return 'ok';
}

/** What an entry of the audit log says. */
export function fieldsOf(entry: AuditEntry | undefined): Record<string, unknown> {
  const value: unknown = JSON.parse(entry?.entry ?? '{}');
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
