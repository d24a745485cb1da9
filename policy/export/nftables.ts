// The layer-4 projection for one machine or pod, as an nftables ruleset: callers by their addresses.
import { formatIp, ipInCidr, parseCidr } from '../../core/ip.ts';
import { commentLine } from '../new/draft.ts';
import { addressesOf, holderText } from './holders.ts';
import type { InventoryWorkload } from './inventory.ts';
import type { ProjectedCallers, Projection } from './projection.ts';

/** Who may connect because of one source of a rule. */
export interface NftablesRule {
  readonly rule: string;
  /** Blocks as `address/length`; null: anyone. */
  readonly from: readonly string[] | null;
  readonly notes: readonly string[];
}

/** The rules, in the order of the policies. */
export function nftablesRules(
  { policies }: Projection,
  inventory: readonly InventoryWorkload[],
): NftablesRule[] {
  return policies.flatMap(({ callers }) => callers.map((one) => ruleOf(one, inventory)));
}

/** The whole ruleset: replaces an earlier one, and touches no port but the proxy's. */
export function nftablesText(
  rules: readonly NftablesRule[],
  ports: readonly number[],
  head: readonly string[],
): string {
  const dport = `tcp dport { ${ports.join(', ')} }`;
  const lines = rules.flatMap(({ rule, from, notes }) => [
    commentLine(rule),
    ...notes.map((note) => commentLine(`wider: ${note}`)),
    ...(from === null ? [`${dport} accept`] : acceptLines(dport, from)),
  ]);
  return [
    '#!/usr/sbin/nft -f',
    ...head.map(commentLine),
    // Declared first, so that deleting it is no error where it is not there yet.
    'table inet sallyport',
    'delete table inet sallyport',
    'table inet sallyport {',
    '  chain inbound {',
    '    type filter hook input priority filter; policy accept;',
    '    iifname "lo" accept',
    '    ct state established,related accept',
    ...lines.map((line) => `    ${line}`),
    `    ${dport} counter drop`,
    '  }',
    '}',
    '',
  ].join('\n');
}

function acceptLines(dport: string, from: readonly string[]): string[] {
  const families = [
    ['ip', from.filter((block) => !block.includes(':'))],
    ['ip6', from.filter((block) => block.includes(':'))],
  ] as const;
  return families.flatMap(([family, blocks]) =>
    blocks.length === 0 ? [] : [`${dport} ${family} saddr { ${blocks.join(', ')} } accept`],
  );
}

function ruleOf(
  { rule, holders, blocks }: ProjectedCallers,
  inventory: readonly InventoryWorkload[],
): NftablesRule {
  const named = blocks?.map(({ bytes, prefixLength }) => `${formatIp(bytes)}/${prefixLength}`) ?? null;
  if (holders === null) return { rule, from: named === null ? null : apart(named), notes: [] };
  const found = holders.map((holder) => ({ holder, ips: addressesOf(holder, inventory) }));
  const unknown = found.filter(({ ips }) => ips === null).map(({ holder }) => holderText(holder));
  if (unknown.length > 0) {
    const notes = [`not every address of ${unknown.join(', ')} is in the inventory`];
    return { rule, from: named === null ? null : apart(named), notes };
  }
  const from = found.flatMap(({ ips }) => ips ?? []).map((ip) => `${ip}/${ip.includes(':') ? 128 : 32}`);
  // Addresses beside an identity: either list holds all callers, the identity's is mostly the shorter one.
  return {
    rule,
    from: apart(from),
    notes: named === null ? [] : ['addresses beside an identity are left out'],
  };
}

/** Without blocks that lie in others: nftables refuses a set whose intervals overlap. */
function apart(blocks: readonly string[]): string[] {
  const parsed = [...new Set(blocks)].map((text) => ({ text, block: parseCidr(text) }));
  return parsed
    .filter(
      ({ block }, index) =>
        block !== null &&
        !parsed.some(
          ({ block: other }, at) =>
            at !== index &&
            other !== null &&
            other.prefixLength < block.prefixLength &&
            ipInCidr(block.bytes, other),
        ),
    )
    .map(({ text }) => text);
}
