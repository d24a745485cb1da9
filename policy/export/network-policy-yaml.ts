// NetworkPolicies as YAML: what each is for and where it is wider stands above it.
import { commentLine, scalar } from '../new/draft.ts';
import type { ExportedPolicy, IngressRule, NetworkPeer } from './network-policy.ts';

/** All of them in one text; `head` are the first lines of comment. */
export function networkPolicyYaml(exported: readonly ExportedPolicy[], head: readonly string[]): string {
  return [`${head.map(commentLine).join('\n')}\n`, ...exported.map(documentText)].join('---\n');
}

function documentText({ resource, of, notes }: ExportedPolicy): string {
  const { metadata, spec } = resource;
  const { ingress, podSelector } = spec;
  return [
    commentLine(`Projects AuthorizationPolicy ${of}.`),
    ...notes.map((note) => commentLine(`wider: ${note}`)),
    'apiVersion: networking.k8s.io/v1',
    'kind: NetworkPolicy',
    'metadata:',
    `  name: ${scalar(metadata.name)}`,
    `  namespace: ${scalar(metadata.namespace)}`,
    'spec:',
    `  podSelector: ${flow(podSelector)}`,
    '  policyTypes: ["Ingress"]',
    ...(ingress.length === 0 ? ['  ingress: []'] : ['  ingress:', ...ingress.flatMap(ruleLines)]),
    '',
  ].join('\n');
}

function ruleLines({ from, ports }: IngressRule): string[] {
  const portList = ports.map(({ protocol, port }) => `{ protocol: ${protocol}, port: ${port} }`).join(', ');
  if (from === undefined) return [`    - ports: [${portList}]`];
  return ['    - from:', ...from.flatMap(peerLines), `      ports: [${portList}]`];
}

function peerLines(peer: NetworkPeer): string[] {
  if ('ipBlock' in peer) return [`        - ipBlock: ${flow(peer.ipBlock)}`];
  return [
    `        - namespaceSelector: ${flow(peer.namespaceSelector)}`,
    ...(peer.podSelector === undefined ? [] : [`          podSelector: ${flow(peer.podSelector)}`]),
  ];
}

/** A mapping of texts and mappings in one line. */
function flow(value: object): string {
  const entries = Object.entries(value).map(
    ([key, inner]: [string, unknown]) =>
      `${scalar(key)}: ${typeof inner === 'object' && inner !== null ? flow(inner) : scalar(String(inner))}`,
  );
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`;
}
