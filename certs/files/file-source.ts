// Identity from files, as cert-manager, spiffe-helper or `sallyport certs` write them: watched, verified as
// one set, and swapped in as one set. While a set does not verify, the last good one stays.
import { readFile, stat } from 'node:fs/promises';
import { type Clock, systemClock, type Timer } from '../../core/clock.ts';
import type { Diagnostic } from '../../core/errors.ts';
import { SallyportError } from '../../core/errors.ts';
import { type FileWatch, watchPaths } from '../../core/file-watch.ts';
import type { TrustDomain } from '../../core/spiffe-id.ts';
import { type IdentityMaterial, verifyIdentity } from '../identity-material.ts';
import { CRL_FILE_BYTES_MAX, IDENTITY_FILE_BYTES_MAX } from '../limits.ts';
import { type FileContent, Findings } from '../read-files.ts';
import type { IdentityState, SvidSource } from '../source.ts';

/** Which files; paths as the process can open them. */
export interface FileSourceOptions {
  readonly trustDomain: TrustDomain;
  /** PEM chain, leaf first. */
  readonly certificateFile: string;
  readonly keyFile: string;
  /** One PEM file per trust domain, the own one among them. */
  readonly bundleFiles: Readonly<Record<TrustDomain, string>>;
  /** One file per trust domain, PEM or DER. */
  readonly crlFiles?: Readonly<Record<TrustDomain, string>>;
  readonly clock?: Clock;
  /** Quiet time after the last file event, milliseconds. */
  readonly debounceMs?: number;
}

// Tools write certificate and key one after the other: a set that does not fit gets this long before it is
// reported.
const GRACE_MS = 1_000;

/**
 * Loads the files and watches them from then on.
 * @throws ERR_IDENTITY_LOAD with every finding when the first set does not verify
 */
export async function openFileSource(options: FileSourceOptions): Promise<SvidSource> {
  const source = new FileSource(options);
  try {
    await source.loadFirst();
  } catch (error) {
    source.close();
    throw error;
  }
  return source;
}

class FileSource implements SvidSource {
  readonly #options: FileSourceOptions;
  readonly #clock: Clock;
  readonly #changeListeners = new Set<(state: IdentityState) => void>();
  readonly #problemListeners = new Set<(diagnostics: readonly Diagnostic[]) => void>();
  readonly #watch: FileWatch;
  #state: IdentityState | null = null;
  #problems: readonly Diagnostic[] = [];
  /** Contents behind `#state`, to tell a real change from a touched file. */
  #loaded = '';
  #retry: Timer | undefined;
  /** When the files stopped to verify; null while they do. */
  #brokenSinceMs: number | null = null;
  #loading = false;
  #changedWhileLoading = false;
  #closed = false;

  constructor(options: FileSourceOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const paths = [
      options.certificateFile,
      options.keyFile,
      ...Object.values(options.bundleFiles),
      ...Object.values(options.crlFiles ?? {}),
    ];
    // Watching starts before the first read, so that no change falls between the two.
    this.#watch = watchPaths(paths, () => this.#reload(), {
      clock: this.#clock,
      ...(options.debounceMs === undefined ? {} : { debounceMs: options.debounceMs }),
    });
  }

  current(): IdentityState | null {
    return this.#state;
  }

  problems(): readonly Diagnostic[] {
    return this.#problems;
  }

  onChange(listener: (state: IdentityState) => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  onProblem(listener: (diagnostics: readonly Diagnostic[]) => void): () => void {
    this.#problemListeners.add(listener);
    return () => this.#problemListeners.delete(listener);
  }

  close(): void {
    this.#closed = true;
    this.#watch.close();
    this.#retry?.cancel();
  }

  async loadFirst(): Promise<void> {
    this.#loading = true;
    const findings = await this.#load();
    this.#loading = false;
    this.#problems = findings.list;
    if (this.#changedWhileLoading) this.#reload();
    if (findings.errors === 0) return;
    const [first] = findings.list.filter((diagnostic) => diagnostic.severity === 'error');
    throw new SallyportError(
      'ERR_IDENTITY_LOAD',
      `no identity: ${first?.message ?? 'the files do not verify'}`,
      {
        ...(first?.hint === undefined ? {} : { hint: first.hint }),
        diagnostics: findings.list,
      },
    );
  }

  /** One load at a time; a change that arrives meanwhile is looked at afterwards. */
  #reload(): void {
    if (this.#closed) return;
    if (this.#loading) {
      this.#changedWhileLoading = true;
      return;
    }
    this.#loading = true;
    this.#changedWhileLoading = false;
    this.#retry?.cancel();
    void this.#load().then((findings) => {
      this.#loading = false;
      if (this.#closed) return;
      this.#settle(findings);
      if (this.#changedWhileLoading) this.#reload();
    });
  }

  #settle(findings: Findings): void {
    if (findings.errors === 0) {
      this.#brokenSinceMs = null;
      this.#report(findings.list);
      return;
    }
    const now = this.#clock.monotonicMs();
    this.#brokenSinceMs ??= now;
    const leftMs = this.#brokenSinceMs + GRACE_MS - now;
    if (leftMs > 0) this.#retry = this.#clock.after(leftMs, () => this.#reload());
    else this.#report(findings.list);
  }

  #report(problems: readonly Diagnostic[]): void {
    const before = JSON.stringify(this.#problems);
    this.#problems = problems;
    if (problems.length === 0 || JSON.stringify(problems) === before) return;
    for (const listener of this.#problemListeners) listener(problems);
  }

  /** Reads and verifies all files; on success the new state is in place. Never rejects. */
  async #load(): Promise<Findings> {
    const findings = new Findings();
    const material = await readMaterial(this.#options, findings);
    if (material === null || this.#closed) return findings;
    const state = verifyIdentity(material, this.#clock.now(), findings);
    const contents = contentsKey(material);
    if (state === null || contents === this.#loaded) return findings;
    this.#loaded = contents;
    this.#state = { ...state, generation: (this.#state?.generation ?? 0) + 1 };
    for (const listener of this.#changeListeners) listener(this.#state);
    return findings;
  }
}

async function readMaterial(
  options: FileSourceOptions,
  findings: Findings,
): Promise<IdentityMaterial | null> {
  const certificate = await readLimited(options.certificateFile, IDENTITY_FILE_BYTES_MAX, findings);
  const key = await readLimited(options.keyFile, IDENTITY_FILE_BYTES_MAX, findings);
  const bundles = await readAll(options.bundleFiles, IDENTITY_FILE_BYTES_MAX, findings);
  const crls = await readAll(options.crlFiles ?? {}, CRL_FILE_BYTES_MAX, findings);
  if (certificate === null || key === null || findings.errors > 0) return null;
  await warnIfReadableByOthers(options.keyFile, findings);
  return { trustDomain: options.trustDomain, certificate, key, bundles, crls };
}

async function readAll(
  files: Readonly<Record<string, string>>,
  bytesMax: number,
  findings: Findings,
): Promise<ReadonlyMap<string, FileContent>> {
  const contents = new Map<string, FileContent>();
  for (const [name, file] of Object.entries(files)) {
    const content = await readLimited(file, bytesMax, findings);
    if (content !== null) contents.set(name, content);
  }
  return contents;
}

async function readLimited(file: string, bytesMax: number, findings: Findings): Promise<FileContent | null> {
  try {
    const { size } = await stat(file);
    if (size > bytesMax) {
      const hint = `the limit is ${bytesMax} bytes; is this the right file?`;
      findings.error('ERR_IDENTITY_FILE_TOO_LARGE', { file }, `the file has ${size} bytes`, hint);
      return null;
    }
    return { file, bytes: await readFile(file) };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const hint =
      code === 'ENOENT'
        ? 'check the path, relative to the configuration file; `sallyport init` makes a working set'
        : 'the process must be able to read it; check owner and mode';
    findings.error('ERR_IDENTITY_FILE', { file }, `\`${file}\` cannot be read: ${code}`, hint);
    return null;
  }
}

async function warnIfReadableByOthers(file: string, findings: Findings): Promise<void> {
  const { mode } = await stat(file).catch(() => ({ mode: 0 })); // gone meanwhile: the next load says so
  if ((mode & 0o007) !== 0)
    findings.warn(
      'LINT_KEY_MODE',
      { file },
      `the private key has mode ${(mode & 0o777).toString(8)}: other users can read or change it`,
      '`chmod 600`; in Kubernetes `defaultMode: 0400` with `fsGroup`',
    );
}

function contentsKey(material: IdentityMaterial): string {
  const parts = [material.certificate, material.key, ...material.bundles.values(), ...material.crls.values()];
  return parts.map((part) => `${part.file}\0${part.bytes.toString('latin1')}`).join('\0\0');
}
