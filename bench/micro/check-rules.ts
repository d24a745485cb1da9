// A folder of policies as a large organisation has it, the same for every run: 200 namespaces, each service
// with the callers that it allows, DENY rules of the platform, and mistakes that `policy check` has to find.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const NAMESPACES = 200;
const RULES_PER_POLICY = 10;
const POLICIES_PER_FILE = 10;
/** Of so many policies one repeats a rule, and one has a rule that another one covers. */
const MISTAKES_EVERY = 100;

const POLICY = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
`;

/** Writes `count` rules and those of the platform below `folder`. */
export function writePolicyFolder(folder: string, count: number): void {
  mkdirSync(folder, { recursive: true });
  const policies = Array.from({ length: Math.ceil(count / RULES_PER_POLICY) }, (_, i) => policyText(i));
  for (let i = 0; i < policies.length; i += POLICIES_PER_FILE)
    writeFileSync(
      join(folder, `policies-${String(i / POLICIES_PER_FILE).padStart(5, '0')}.yaml`),
      policies.slice(i, i + POLICIES_PER_FILE).join('---\n'),
    );
  writeFileSync(join(folder, 'platform.yaml'), PLATFORM);
}

/** How many findings such a folder has. */
export const mistakesOf = (count: number): { shadowed: number; duplicate: number; unreachable: number } => {
  const policies = Math.ceil(count / RULES_PER_POLICY);
  const ofRemainder = (remainder: number): number =>
    Math.max(0, Math.ceil((policies - remainder) / MISTAKES_EVERY));
  return { shadowed: ofRemainder(1), duplicate: ofRemainder(2), unreachable: ofRemainder(3) };
};

function policyText(i: number): string {
  const namespace = `team-${i % NAMESPACES}`;
  const rules = Array.from({ length: RULES_PER_POLICY }, (_, k) => ruleText(i, k));
  return `${POLICY}metadata:
  name: service-${i}
  namespace: ${namespace}
spec:
  selector:
    matchLabels:
      app: service-${i}
  action: ALLOW
  rules:
${rules.join('')}`;
}

function ruleText(i: number, k: number): string {
  const mistake = k === RULES_PER_POLICY - 1 ? i % MISTAKES_EVERY : 0;
  const like = mistake === 1 || mistake === 2 ? 0 : k;
  const caller = `cluster.local/ns/team-${(i + like) % NAMESPACES}/sa/service-${(i * 7 + like) % 5_000}`;
  const methods = like % 3 === 0 && mistake !== 1 ? ['GET', 'POST'] : ['GET'];
  const path = mistake === 3 ? `/internal/zone-${i}` : PATHS[like % PATHS.length]?.replace('N', String(like));
  return `    - from:
        - source:
            principals:
              - ${caller}
      to:
        - operation:
            methods:
${methods.map((method) => `              - ${method}\n`).join('')}            paths:
              - ${path}
`;
}

const PATHS = ['/api/v1/resource-N/list', '"/api/v1/resource-N/{*}/items/{*}"', '/api/v2/resource-N/*'];

const PLATFORM = `${POLICY}metadata:
  name: no-internal-paths
  namespace: istio-system
spec:
  action: DENY
  rules:
    - to:
        - operation:
            paths:
              - /internal/*
`;
