// Reads policy files from paths: a folder is read recursively for .yaml, .yml and .json, in sorted order.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Diagnostic, errorCode, SallyportError } from '../core/errors.ts';
import { POLICY_FILE_CHARACTERS_MAX } from './limits.ts';
import type { PolicyFile } from './parse.ts';

/** Files in reading order, and notices about folders that have none. */
export interface ReadPolicyFiles {
  readonly files: readonly PolicyFile[];
  readonly notices: readonly Diagnostic[];
}

const EXTENSIONS = ['.yaml', '.yml', '.json'];
const FOLDER_DEPTH_MAX = 16;
const FILES_MAX = 20_000;

/**
 * Reads every policy file of `paths` (relative ones from `folder`). A file named directly is read whatever
 * its extension.
 * Files are named as the paths were given.
 * Entries that begin with a dot are passed over: Kubernetes keeps the real files of a mounted volume in
 * `..data`.
 * @throws ERR_POLICY_FILE for a missing or unreadable path, a file that is not UTF-8, or too many files
 */
export async function readPolicyFiles(paths: readonly string[], folder = '.'): Promise<ReadPolicyFiles> {
  const files: PolicyFile[] = [];
  const notices: Diagnostic[] = [];
  for (const path of paths) {
    const isFolder = (await attempt(path, () => stat(resolve(folder, path)))).isDirectory();
    const found = isFolder ? await filesBelow(path, folder, 0) : [path];
    if (found.length === 0)
      notices.push({
        severity: 'notice',
        code: 'LINT_POLICY_EMPTY_FOLDER',
        message: `\`${path}\` has no policy file (${EXTENSIONS.join(', ')})`,
        at: { file: path },
      });
    if (files.length + found.length > FILES_MAX)
      throw new SallyportError('ERR_POLICY_FILE', `\`${path}\` has more than ${FILES_MAX} policy files`);
    for (const file of found) files.push({ file, text: await readText(file, folder) });
  }
  return { files, notices };
}

async function filesBelow(folder: string, base: string, depth: number): Promise<string[]> {
  if (depth > FOLDER_DEPTH_MAX)
    throw new SallyportError(
      'ERR_POLICY_FILE',
      `\`${folder}\` is more than ${FOLDER_DEPTH_MAX} folders deep`,
    );
  const names = (await attempt(folder, () => readdir(resolve(base, folder)))).filter(
    (name) => !name.startsWith('.'),
  );
  const out: string[] = [];
  for (const name of names.sort()) {
    const path = join(folder, name);
    const entry = await attempt(path, () => stat(resolve(base, path))); // follows symbolic links
    if (entry.isDirectory()) out.push(...(await filesBelow(path, base, depth + 1)));
    else if (EXTENSIONS.some((extension) => name.endsWith(extension))) out.push(path);
  }
  return out;
}

async function readText(file: string, base: string): Promise<string> {
  const bytes = await attempt(file, () => readFile(resolve(base, file)));
  if (bytes.length > POLICY_FILE_CHARACTERS_MAX * 4)
    throw new SallyportError('ERR_POLICY_FILE', `\`${file}\` is too long for a policy file`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new SallyportError('ERR_POLICY_FILE', `\`${file}\` is not UTF-8 text`, {
      hint: 'save the file as UTF-8',
      cause,
    });
  }
}

async function attempt<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    const code = errorCode(cause);
    const missing = code === 'ENOENT';
    throw new SallyportError(
      'ERR_POLICY_FILE',
      missing ? `\`${path}\` does not exist` : `\`${path}\` cannot be read: ${code}`,
      {
        hint: missing ? 'check the path; it is relative to the current folder' : 'check its permissions',
        cause,
      },
    );
  }
}
