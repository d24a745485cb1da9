// Everything that is softer than enforcing, in words: printed in one line at start, shown on /readyz,
// counted.
import type { Config } from '../core/config/config.ts';

/** One setting that lets through what enforcing would not. */
export interface Softer {
  readonly listener: string | null;
  readonly mode: string;
}

/** What is softer in `config` while the policies are in `mode`; empty when everything is enforced. */
export function softerThanEnforce(config: Config, mode: 'enforce' | 'audit'): Softer[] {
  const softer: Softer[] = [];
  if (mode === 'audit') softer.push({ listener: null, mode: 'policy.mode=audit' });
  if (config.policy.defaultVerdict === 'allow-when-unselected')
    softer.push({ listener: null, mode: 'policy.defaultVerdict=allow-when-unselected' });
  if (config.policy.revokeGrace > 0)
    softer.push({ listener: null, mode: `policy.revokeGrace=${config.policy.revokeGrace}ms` });
  if (config.identity.graceAfterExpiry > 0)
    softer.push({ listener: null, mode: `identity.graceAfterExpiry=${config.identity.graceAfterExpiry}ms` });
  for (const listener of config.listeners) {
    const own = listener.direction === 'outbound'; // the application beside this proxy calls in plaintext
    if (listener.mtls !== 'strict' && !own)
      softer.push({ listener: listener.name, mode: `mtls=${listener.mtls}` });
    if (listener.probes.length > 0)
      softer.push({ listener: listener.name, mode: `probes=${listener.probes.join(',')}` });
    if (listener.paths.ambiguous !== 'reject')
      softer.push({ listener: listener.name, mode: `paths.ambiguous=${listener.paths.ambiguous}` });
  }
  return softer;
}

/** `audit; listener web: mtls=permissive`, or `enforce`. */
export function effectiveMode(softer: readonly Softer[]): string {
  if (softer.length === 0) return 'enforce';
  return softer.map(softerText).join('; ');
}

/** `listener web: mtls=permissive`. */
export const softerText = ({ listener, mode }: Softer): string =>
  listener === null ? mode : `listener ${listener}: ${mode}`;
