// Annotations of a policy: dry run, expiry, emergency, deny status, owner. Ours are checked, others pass by.

import { didYouMean } from '../core/errors.ts';
import type { DocumentReader, Entry } from './document-reader.ts';
import { ANNOTATION_CHARACTERS_MAX } from './limits.ts';
import type { Action, Policy } from './model.ts';
import { parseRfc3339 } from './rfc3339.ts';
import type { Node } from './yaml.ts';

const DRY_RUN = 'istio.io/dry-run';
const PREFIX = 'sallyport.dev/';
const KNOWN = ['expires-at', 'emergency', 'reason', 'author', 'deny-status', 'owner'].map((n) => PREFIX + n);

/** What the annotations of a policy say. */
export type Annotations = Pick<Policy, 'dryRun' | 'expiresAtMs' | 'emergency' | 'denyStatus' | 'owner'>;

/** What the rules on annotations depend on. */
export interface AnnotationContext {
  /** Null when the action itself was faulty. */
  readonly action: Action | null;
  readonly emergencyMaxMs: number;
  readonly nowMs: number;
}

/** Reads `metadata.annotations`; `node` is undefined when there are none. */
export function parseAnnotations(
  reader: DocumentReader,
  node: Node | undefined,
  context: AnnotationContext,
): Annotations {
  const entries = node === undefined ? null : reader.entries(node, 'metadata.annotations', null);
  const texts = new Map<string, { text: string; entry: Entry }>();
  for (const [name, entry] of entries ?? []) {
    if (!isOurs(reader, name, entry)) continue;
    const text = reader.string(entry.value, `metadata.annotations.${name}`);
    if (text === undefined) continue;
    if (text.length <= ANNOTATION_CHARACTERS_MAX) texts.set(name, { text, entry });
    else
      reader.error(entry.value, {
        code: 'ERR_POLICY_LIMIT',
        message: `\`${name}\` is longer than ${ANNOTATION_CHARACTERS_MAX} characters`,
      });
  }
  const bool = (name: string): boolean => {
    const found = texts.get(name);
    if (found === undefined || found.text === 'false') return false;
    if (found.text !== 'true')
      reader.error(found.entry.value, {
        code: 'ERR_POLICY_ANNOTATION',
        message: `\`${name}\` is \`${found.text}\``,
        hint: 'write "true" or "false"',
      });
    return found.text === 'true';
  };
  const dryRun = bool(DRY_RUN);
  if (dryRun && context.action === 'AUDIT')
    reader.error(texts.get(DRY_RUN)?.entry.key ?? null, {
      code: 'ERR_POLICY_DRY_RUN',
      message: 'a dry run exists for ALLOW and DENY only, the action is AUDIT',
      hint: 'AUDIT never changes the verdict; remove the annotation',
    });
  const expiresAtMs = expiry(reader, texts.get(`${PREFIX}expires-at`));
  const emergency = bool(`${PREFIX}emergency`);
  if (emergency) checkEmergency(reader, texts, expiresAtMs, context);
  return {
    dryRun,
    expiresAtMs,
    emergency: emergency
      ? {
          reason: texts.get(`${PREFIX}reason`)?.text ?? '',
          author: texts.get(`${PREFIX}author`)?.text ?? '',
        }
      : null,
    denyStatus: denyStatus(reader, texts.get(`${PREFIX}deny-status`), context.action),
    owner: texts.get(`${PREFIX}owner`)?.text ?? null,
  };
}

interface Found {
  readonly text: string;
  readonly entry: Entry;
}

/** True for an annotation that we read; reports those that look like ours and are not. */
function isOurs(reader: DocumentReader, name: string, entry: Entry): boolean {
  if (name === DRY_RUN || KNOWN.includes(name)) return true;
  const near = name.startsWith('istio.io/') ? didYouMean(name, [DRY_RUN]) : undefined;
  if (!name.startsWith(PREFIX) && near === undefined) return false;
  const suggestion = near ?? didYouMean(name, KNOWN);
  reader.error(entry.key, {
    code: 'ERR_POLICY_ANNOTATION',
    message: `unknown annotation \`${name}\``,
    hint: suggestion === undefined ? `known: ${KNOWN.join(', ')}` : `did you mean \`${suggestion}\`?`,
  });
  return false;
}

function expiry(reader: DocumentReader, found: Found | undefined): number | null {
  if (found === undefined) return null;
  const ms = parseRfc3339(found.text);
  if (ms === null)
    reader.error(found.entry.value, {
      code: 'ERR_POLICY_ANNOTATION',
      message: `\`${found.text}\` is no RFC 3339 time`,
      hint: 'write for example 2026-10-01T12:00:00Z',
    });
  return ms;
}

function checkEmergency(
  reader: DocumentReader,
  texts: ReadonlyMap<string, Found>,
  expiresAtMs: number | null,
  context: AnnotationContext,
): void {
  const key = texts.get(`${PREFIX}emergency`)?.entry.key ?? null;
  for (const name of ['expires-at', 'reason', 'author'])
    if (!texts.has(PREFIX + name))
      reader.error(key, {
        code: 'ERR_POLICY_EMERGENCY',
        message: `an emergency policy needs \`${PREFIX}${name}\``,
        hint: `sallyport policy emergency writes all of them`,
      });
  if (expiresAtMs !== null && expiresAtMs - context.nowMs > context.emergencyMaxMs)
    reader.error(texts.get(`${PREFIX}expires-at`)?.entry.value ?? key, {
      code: 'ERR_POLICY_EMERGENCY',
      message: `an emergency policy may last ${context.emergencyMaxMs / 60_000} minutes from now`,
      hint: 'bring `sallyport.dev/expires-at` nearer, or raise policy.emergencyMax',
    });
}

function denyStatus(
  reader: DocumentReader,
  found: Found | undefined,
  action: Action | null,
): 403 | 404 | null {
  if (found === undefined) return null;
  if (action !== null && action !== 'DENY')
    reader.error(found.entry.key, {
      code: 'ERR_POLICY_ANNOTATION',
      message: `\`${PREFIX}deny-status\` has no meaning on an ${action} policy`,
      hint: 'put it on the DENY policy',
    });
  if (found.text === '403') return 403;
  if (found.text === '404') return 404;
  reader.error(found.entry.value, {
    code: 'ERR_POLICY_ANNOTATION',
    message: `\`${PREFIX}deny-status\` is \`${found.text}\``,
    hint: 'write "403" or "404"',
  });
  return null;
}
