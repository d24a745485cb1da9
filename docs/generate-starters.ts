// deploy/policies/ from the table of starter policies: docs/generate.ts writes what this returns.
import { policyYaml } from '../policy/new/draft.ts';
import { STARTERS, type Starter, starterPolicy } from '../policy/new/starters.ts';

/** Long ago: a starter with an end allows nothing until somebody sets it. */
const NOW_MS = Date.UTC(2026, 0, 1);
/** RFC 5737: addresses of nobody. */
const NODES = '192.0.2.0/24';

/** Path below docs/ to how its text is made. */
export const STARTER_FILES: Readonly<Record<string, () => string>> = Object.fromEntries(
  STARTERS.map((starter) => [`../deploy/policies/${starter.name}.yaml`, () => starterText(starter)]),
);

/** The starter as it is filled in for namespace `shop`, with a line above that says how to fill it. */
export function starterText(starter: Starter): string {
  const { draft } = starterPolicy(starter.name, {
    ...{ namespace: starter.name === 'dns' ? 'kube-system' : 'shop', labels: {}, port: null, paths: [] },
    ...{ ttlMs: null, nowMs: NOW_MS, trustDomain: 'cluster.local' },
    from: starter.from === null ? NODES : null,
  });
  const filled = `To fill it in: sallyport policy new --starter ${starter.name} --namespace NS`;
  return policyYaml({ ...draft, comments: ['Written by `npm run docs`.', filled, ...draft.comments] });
}
