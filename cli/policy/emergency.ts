// `sallyport policy emergency allow|isolate|list|revoke`: rules for an incident, that end by themselves and
// say why and by whom.
import { parseOptions, usage } from '../args.ts';
import type { Io, Verb } from '../io.ts';
import { emergencyList } from './emergency-list.ts';
import { emergencyRevoke } from './emergency-revoke.ts';
import { emergencyWrite } from './emergency-write.ts';
import { POLICY_OPTIONS } from './input.ts';

/** One line for `--help`. */
export const POLICY_EMERGENCY_USAGE =
  'sallyport policy emergency (isolate TARGET [--except CALLER,…] | allow CALLERS --to TARGET | list | revoke NAME) [--ttl 30m --reason TEXT --author NAME] (--out DIR | --kubectl) [--policy PATH]… [--config FILE] [--broad] [--json]';

const OPTIONS = {
  ...POLICY_OPTIONS,
  to: { type: 'string' },
  except: { type: 'string', multiple: true },
  port: { type: 'string' },
  method: { type: 'string', multiple: true },
  path: { type: 'string', multiple: true },
  ttl: { type: 'string' },
  reason: { type: 'string' },
  author: { type: 'string' },
  out: { type: 'string' },
  kubectl: { type: 'boolean', default: false },
  broad: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const;

/** What stands behind `policy emergency ACTION`. */
export type EmergencyValues = ReturnType<
  typeof parseOptions<{ args: string[]; allowPositionals: true; options: typeof OPTIONS }>
>['values'];

/** One of the four, with the words after it. */
export type EmergencyAction = (words: readonly string[], values: EmergencyValues, io: Io) => Promise<number>;

/** Exit 0, 1 when an ALLOW would do nothing, 2 for wrong usage and bad policies. */
export const policyEmergency: Verb = (args, io) => {
  const { values, positionals } = parseOptions(
    { args: [...args], allowPositionals: true, options: OPTIONS },
    POLICY_EMERGENCY_USAGE,
  );
  const [action, ...words] = positionals;
  switch (action) {
    case 'isolate':
    case 'allow':
      return emergencyWrite(action, words, values, io);
    case 'list':
      return emergencyList(words, values, io);
    case 'revoke':
      return emergencyRevoke(words, values, io);
    default:
      throw usage(
        action === undefined ? 'no action is named' : `\`${action}\` is no action`,
        'the actions are isolate, allow, list and revoke',
      );
  }
};
