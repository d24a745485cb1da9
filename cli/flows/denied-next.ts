// What to run after a look at a denial. The command is pasted into a shell and made of strangers' text: what
// cannot be quoted safely is not offered.
import { REASONS } from '../../core/reasons.ts';
import type { JudgedDenial } from '../../policy/flows/denials.ts';
import { exampleOf } from '../../policy/flows/template.ts';
import { shellWord } from '../text.ts';

/** A command to paste, or a word about the reason where no policy decided. */
export interface NextStep {
  readonly kind: 'command' | 'hint';
  readonly text: string;
}

/** Stands for the configuration of the proxy that denied: nobody here knows where it is. */
const CONFIG = 'sallyport.yaml';
const KNOWN = new Map(Object.entries(REASONS));

/** The next step, or null when there is none to offer. */
export function nextStep(group: JudgedDenial): NextStep | null {
  const reason = KNOWN.get(group.reason);
  if (reason !== undefined && reason.source !== 'policy') return { kind: 'hint', text: reason.hint };
  const command = explainCommand(group);
  return command === null ? null : { kind: 'command', text: command };
}

function explainCommand({ caller, http, sample, ...group }: JudgedDenial): string | null {
  const start = ['sallyport policy explain --config', CONFIG];
  if (sample !== null && sample.log !== '-')
    return joined([...start, '--request-id', shellWord(sample.requestId), '--log', shellWord(sample.log)]);
  if (http === null || caller === null) return null;
  const as = caller.principal === null ? [] : ['--as', shellWord(caller.principal)];
  const host = group.workload.includes(':') ? `[${group.workload}]` : group.workload;
  const port = group.port === 0 ? '' : `:${group.port}`;
  const path = sample?.path ?? exampleOf(http.path);
  if (host === '' || !path.startsWith('/')) return null;
  return joined([...start, ...as, shellWord(http.method), shellWord(`${host}${port}${path}`)]);
}

function joined(words: readonly (string | null)[]): string | null {
  return words.includes(null) ? null : words.join(' ');
}
