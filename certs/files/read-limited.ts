// Identity files as bytes: each with a size limit, and each fault a diagnostic.

import { readFile, stat } from 'node:fs/promises';
import { errorCode } from '../../core/errors.ts';
import { CRL_FILE_BYTES_MAX, IDENTITY_FILE_BYTES_MAX } from '../limits.ts';
import { type FileContent, Findings } from '../read-files.ts';

/** The content of `file`; null, and an error in `findings`, when it cannot be read. */
export async function readLimited(
  file: string,
  findings: Findings,
  bytesMax = IDENTITY_FILE_BYTES_MAX,
): Promise<FileContent | null> {
  try {
    const { size } = await stat(file);
    if (size > bytesMax) {
      const hint = `the limit is ${bytesMax} bytes; is this the right file?`;
      findings.error('ERR_IDENTITY_FILE_TOO_LARGE', { file }, `the file has ${size} bytes`, hint);
      return null;
    }
    return { file, bytes: await readFile(file) };
  } catch (error) {
    const code = errorCode(error);
    const hint =
      code === 'ENOENT'
        ? 'check the path, relative to the configuration file; `sallyport init` makes a working set'
        : 'the process must be able to read it; check owner and mode';
    findings.error('ERR_IDENTITY_FILE', { file }, `\`${file}\` cannot be read: ${code}`, hint);
    return null;
  }
}

/** Bundles and CRLs by trust domain, as read; those that cannot be read are left out. */
export interface TrustFiles {
  readonly bundles: ReadonlyMap<string, FileContent>;
  readonly crls: ReadonlyMap<string, FileContent>;
}

/**
 * The bundle and CRL files of any number of trust domains. A foreign one that cannot be read is refused in
 * `findings`, and is the only one that is.
 */
export async function readTrustFiles(
  files: {
    readonly bundleFiles: FilesByDomain;
    readonly crlFiles: FilesByDomain;
    /** Null for one who has no identity. */
    readonly own: string | null;
  },
  findings: Findings,
): Promise<TrustFiles> {
  return {
    bundles: await readAll(
      files.bundleFiles,
      { own: files.own, bytesMax: IDENTITY_FILE_BYTES_MAX },
      findings,
    ),
    crls: await readAll(files.crlFiles, { own: files.own, bytesMax: CRL_FILE_BYTES_MAX }, findings),
  };
}

/** Paths by trust domain. */
export type FilesByDomain = Readonly<Record<string, string>>;

async function readAll(
  files: FilesByDomain,
  { own, bytesMax }: { readonly own: string | null; readonly bytesMax: number },
  findings: Findings,
): Promise<ReadonlyMap<string, FileContent>> {
  const contents = new Map<string, FileContent>();
  for (const [name, file] of Object.entries(files)) {
    const found = new Findings(name === own ? undefined : name);
    const content = await readLimited(file, found, bytesMax);
    if (content !== null) contents.set(name, content);
    else if (name === own) findings.add(found);
    else findings.refuse(name, found);
  }
  return contents;
}

/** Everything that was read, as one text. */
export const contentsKey = (parts: Iterable<FileContent>): string =>
  [...parts].map((part) => `${part.file}\0${part.bytes.toString('latin1')}`).join('\0\0');
