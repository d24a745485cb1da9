// The policy folder that emergencies are written into and taken out of: a file a policy, there or not there
// for whoever watches, never half.
import { open, rename, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, SallyportError } from '../../core/errors.ts';

/** Writes `NAME.yaml` into `folder` from one moment to the next. @throws ERR_POLICY_FILE */
export async function putPolicy(folder: string, name: string, text: string): Promise<void> {
  const path = join(folder, `${name}.yaml`);
  // A name with a dot in front is passed over by every reader of the folder.
  const unfinished = join(folder, `.${name}.yaml`);
  try {
    const handle = await open(unfinished, 'wx', 0o644);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(unfinished, path);
  } catch (cause) {
    await rm(unfinished, { force: true }).catch(() => undefined); // the first fault is the one to tell
    const code = errorCode(cause);
    throw new SallyportError('ERR_POLICY_FILE', `\`${path}\` cannot be written: ${code}`, {
      hint:
        code === 'EROFS' || code === 'EACCES'
          ? 'a mounted ConfigMap is read-only: use --kubectl and apply it to the cluster'
          : 'name the folder that the proxies watch',
      cause,
    });
  }
}

/** Removes a policy file. @throws ERR_POLICY_FILE */
export async function removePolicy(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (cause) {
    throw new SallyportError('ERR_POLICY_FILE', `\`${path}\` cannot be removed: ${errorCode(cause)}`, {
      hint: 'check the permissions of its folder',
      cause,
    });
  }
}
