// What is said beside suggested policies: the bound they keep, and what was left out.

import { sumEvidence } from '../../policy/suggest/evidence.ts';
import { LEFT_OUT_CALLERS_MAX } from '../../policy/suggest/limits.ts';
import type { Observed } from '../../policy/suggest/observed.ts';
import type { SuggestedPolicy } from '../../policy/suggest/suggestion.ts';
import { counted, jsonText, thousands, timeOrNull } from '../text.ts';
import type { Delta } from './suggest-against.ts';
import { deltaJson } from './suggest-against-text.ts';
import { spanText } from './suggest-yaml.ts';

/** Policies, and what they were learned with. */
export interface Suggestion {
  readonly observed: Observed;
  readonly policies: readonly SuggestedPolicy[];
  readonly valuesMin: number;
  readonly widthMax: number;
  readonly minCount: number;
  readonly trustDomain: string;
  /** What is in force already; null when nobody asked. */
  readonly delta: Delta | null;
}

/** Comments over the first policy. */
export function suggestionNotes(suggestion: Suggestion): string[] {
  const { policies, observed } = suggestion;
  const evidence = sumEvidence(policies.map((policy) => policy.evidence));
  const rules = policies.reduce((sum, policy) => sum + policy.rules.length, 0);
  const found = policies.length === 1 ? '1 policy' : `${thousands(policies.length)} policies`;
  const requests = counted(evidence.requests, 'request');
  const head =
    policies.length === 0
      ? 'nothing to suggest'
      : `${found} with ${counted(rules, 'rule')} for ${requests}, ${spanText(evidence)}`;
  return [head, ...boundText(suggestion), ...leftOutText(observed)];
}

/** The bound, in words. */
function boundText({ valuesMin, widthMax, minCount }: Suggestion): string[] {
  return [
    'Bound: callers, methods and ports are those that were seen, each written out. A path is one that was seen',
    `with this caller, method and port, or has {*} where this caller had ${valuesMin} different values or more: ids by`,
    `their form, or more than ${widthMax} names that are all used alike. Names of the same place that only others use,`,
    'or that a policy refused, are excluded (notPaths). Templates that a proxy recorded are marked as such.',
    ...(minCount > 1 ? [`Seen less often than ${thousands(minCount)} times is left out.`] : []),
  ];
}

function leftOutText({ leftOut, denials }: Observed): string[] {
  const rows = leftOut.rows();
  if (rows.length === 0) return ['Left out: nothing'];
  const scanners = denials.judged().filter(({ mark, outcome }) => mark === 'scanner' && outcome === 'denied');
  const scanned = scanners.reduce((sum, { requests }) => sum + requests, 0);
  return [
    'Left out:',
    ...rows.flatMap(({ reason, what, evidence, callers, examples }) => {
      const scan = reason === 'denied' && scanned > 0 ? `, ${thousands(scanned)} of likely scanners` : '';
      return [
        `  ${counted(evidence.requests, 'request')} of ${callersText(callers)}: ${what}${scan}`,
        ...examples.slice(0, 1).map((example) => `    for example ${example}`),
      ];
    }),
  ];
}

const callersText = (callers: number): string =>
  `${counted(callers, 'caller')}${callers < LEFT_OUT_CALLERS_MAX ? '' : ' or more'}`;

/** For machines. */
export function suggestionJson({ observed, policies, ...how }: Suggestion): string {
  const { valuesMin, widthMax, minCount, trustDomain, delta } = how;
  return jsonText({
    view: 'suggest',
    trustDomain,
    bound: { minValues: valuesMin, maxWidth: widthMax, minCount },
    policies: policies.map(({ rules, evidence, ...policy }) => ({
      ...policy,
      ...evidenceJson(evidence),
      rules: rules.map(({ templates, evidence: own, ...rule }) => ({
        ...rule,
        ...evidenceJson(own),
        templates: [...templates].map(([path, origin]) => ({ path, origin })),
      })),
    })),
    ...(delta === null ? {} : { against: deltaJson(delta) }),
    leftOut: leftOutJson(observed),
  });
}

/** What was left out, by reason. */
export function leftOutJson({ leftOut }: Observed): object[] {
  return leftOut.rows().map(({ evidence, ...row }) => ({ ...row, ...evidenceJson(evidence) }));
}

/** Counts and times. */
export function evidenceJson(evidence: { requests: number; firstMs: number; lastMs: number }): object {
  const { requests, firstMs, lastMs } = evidence;
  return { requests, firstSeen: timeOrNull(firstMs), lastSeen: timeOrNull(lastMs) };
}
