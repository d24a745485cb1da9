// `policy suggest --out`: one file for each policy.
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { errorCode, SallyportError } from '../../core/errors.ts';
import type { SuggestedPolicy } from '../../policy/suggest/suggestion.ts';
import type { Io } from '../io.ts';
import { counted } from '../text.ts';

/** Writes new files; none is written over. @throws ERR_SUGGEST_OUT */
export async function writePolicies(
  io: Io,
  folder: string,
  policies: readonly SuggestedPolicy[],
  documents: readonly string[],
): Promise<void> {
  const path = resolve(io.cwd, folder);
  try {
    await mkdir(path, { recursive: true });
    // A namespace has no dot: two policies never share a file.
    for (const [i, { namespace, name }] of policies.entries())
      await writeFile(join(path, `${namespace}.${name}.yaml`), documents[i] ?? '', { flag: 'wx' });
  } catch (cause) {
    const code = errorCode(cause);
    const what = code === 'EEXIST' ? 'holds such a policy already' : `cannot be written: ${code}`;
    throw new SallyportError('ERR_SUGGEST_OUT', `\`${folder}\` ${what}`, {
      hint: 'name a new folder, look at what is in it, and move it over yourself',
      cause,
    });
  }
  io.err(`${counted(policies.length, 'policy file')} written\n`);
}
