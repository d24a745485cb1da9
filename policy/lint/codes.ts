// Every finding of `policy check` that is no error: the one table that the linter, docs/lint.md and the rules
// of SARIF are made from.
import type { Diagnostic } from '../../core/errors.ts';

/** What is known of one kind of finding. */
export interface LintCode {
  /** A warning fails `policy check --strict`; a notice never does. */
  readonly severity: Exclude<Diagnostic['severity'], 'error'>;
  /** A few words. */
  readonly title: string;
  /** Why it is worth a look. */
  readonly meaning: string;
  /** What to do. */
  readonly fix: string;
}

/** In the order of docs/lint.md: what decides nothing, what allows much, what matches nobody, the rest. */
export const LINT_CODES = {
  LINT_POLICY_SHADOWED: {
    severity: 'warning',
    title: 'a rule is covered by another one',
    meaning:
      'Another rule of the same action, of a policy that selects at least the same workloads and lasts at least as long, matches everything that this one matches. It decides nothing, and whoever narrows it later changes nothing.',
    fix: 'remove it, or narrow the rule that covers it',
  },
  LINT_POLICY_DUPLICATE: {
    severity: 'warning',
    title: 'a rule says what another one says',
    meaning: 'Two rules of one action match the same requests. An edit of one of them has no effect.',
    fix: 'remove one of them',
  },
  LINT_POLICY_UNREACHABLE: {
    severity: 'warning',
    title: 'an ALLOW rule is denied whole',
    meaning:
      'A DENY rule matches everything that this ALLOW rule matches, for all of its workloads, and DENY wins. The ALLOW never lets anybody in.',
    fix: 'remove the ALLOW, or except its callers or operations from the DENY',
  },
  LINT_POLICY_CONTRADICTORY: {
    severity: 'warning',
    title: 'the same is allowed and denied',
    meaning: 'An ALLOW and a DENY rule match the same requests. DENY wins; one of the two was not meant.',
    fix: 'remove the one that was not meant',
  },
  LINT_POLICY_DENY_COVERS_ALLOW: {
    severity: 'notice',
    title: 'a DENY rule makes ALLOW rules useless',
    meaning:
      'The other side of LINT_POLICY_UNREACHABLE, shown at the DENY rule: it may be wider than was meant.',
    fix: 'narrow the DENY with `from`, `to` or a not-field, if it is wider than was meant',
  },
  LINT_POLICY_NOT_COMPARED: {
    severity: 'notice',
    title: 'some rules were not compared',
    meaning:
      'Comparing rules is bounded, so that a check of 100,000 rules ends in time. Rules that resemble too many others were compared with a part of them only; what was found stands, more may be there.',
    fix: 'check namespaces one by one, or give the rules exact callers and paths, by which they are told apart at once',
  },
  LINT_POLICY_OVER_BROAD: {
    severity: 'warning',
    title: 'everything is allowed to everyone',
    meaning: 'An ALLOW rule without `from`, `to` and `when` lets in strangers without identity too.',
    fix: 'name callers in `from` or operations in `to`',
  },
  LINT_POLICY_ANY_CALLER: {
    severity: 'warning',
    title: 'an ALLOW rule names no caller',
    meaning:
      'Without `from` a rule allows its operations to whoever reaches the port, plaintext peers included, and these operations write, or are on any path.',
    fix: 'name callers in `from`; `principals: ["*"]` at least keeps strangers out',
  },
  LINT_POLICY_PUBLIC: {
    severity: 'notice',
    title: 'paths can be read by anyone',
    meaning:
      'Without `from` the named paths are open to reading for everyone: right for probes and public pages.',
    fix: 'nothing, if it is meant; else name callers in `from`',
  },
  LINT_POLICY_ANY_PRINCIPAL: {
    severity: 'notice',
    title: 'every authenticated peer may do everything',
    meaning:
      'Any workload with a certificate, of every trusted trust domain, gets in with any method on any path.',
    fix: 'fine for a public service; otherwise name callers or operations',
  },
  LINT_POLICY_WHOLE_NAMESPACE: {
    severity: 'warning',
    title: 'a whole namespace may write anywhere',
    meaning:
      'Every workload of the namespace, or of the trust domain, present and future, may use writing methods on any path: one that is taken over takes this one along.',
    fix: 'name service accounts, or limit methods and paths in `to`',
  },
  LINT_POLICY_WRITE_ANY_PATH: {
    severity: 'warning',
    title: 'writing is allowed on any path',
    meaning: 'An operation lists writing methods and no path, so it reaches administrative paths too.',
    fix: 'list the paths; `sallyport flows top` shows those that are used',
  },
  LINT_POLICY_ANY_OPERATION: {
    severity: 'notice',
    title: 'named callers may do everything',
    meaning:
      'A rule without `to` separates by identity alone, as a firewall does: every method, path and port is open.',
    fix: 'list methods and paths in `to`; `sallyport flows top` shows those that are used',
  },
  LINT_POLICY_ANY_ADDRESS: {
    severity: 'warning',
    title: 'a block holds every address',
    meaning:
      '`0.0.0.0/0` is every IPv4 address and `::/0` every IPv6 address: in an ALLOW the field restricts nothing, as a not-field it lets the rule match nobody.',
    fix: 'write the blocks that are meant, or leave the field out',
  },
  LINT_POLICY_ALLOW_BY_ABSENCE: {
    severity: 'warning',
    title: 'an ALLOW rule names only who it is not for',
    meaning: 'A peer without identity is none of those who are excepted, so it is allowed.',
    fix: 'add `principals: ["*"]` to the source',
  },
  LINT_POLICY_EXPIRED_DENY: {
    severity: 'warning',
    title: 'a DENY policy has expired',
    meaning: 'What it denied is open again.',
    fix: 'remove it, or renew `sallyport.dev/expires-at`',
  },
  LINT_POLICY_EXPIRED: {
    severity: 'warning',
    title: 'a policy has expired',
    meaning: 'Its rules match nothing any more; an expired ALLOW still counts as selecting its workloads.',
    fix: 'remove it, or renew `sallyport.dev/expires-at`',
  },
  LINT_POLICY_EXPIRES_SOON: {
    severity: 'notice',
    title: 'a policy expires within seven days',
    meaning:
      'From then its rules match nothing. Emergency policies, which always end within a day, are left out.',
    fix: 'renew `sallyport.dev/expires-at`, or see to it that nobody needs the policy any more',
  },
  LINT_POLICY_NEVER_MATCHES: {
    severity: 'warning',
    title: 'no caller or request can have this value',
    meaning: 'The value is no part of a SPIFFE ID, trust domain, method or host. In a DENY that is a hole.',
    fix: 'write the value as requests have it',
  },
  LINT_POLICY_ALIAS_PREFIX: {
    severity: 'warning',
    title: 'a prefix does not stand for the local trust domain',
    meaning: '`cluster.local` and the aliases stand for the local trust domain in IDs of five segments only.',
    fix: 'write the local trust domain, or five segments',
  },
  LINT_POLICY_SELECTS_NOTHING: {
    severity: 'warning',
    title: 'a policy selects no known workload',
    meaning:
      'No workload of `--inventory` has this namespace and these labels. A DENY like that protects nobody.',
    fix: 'correct namespace or labels, or renew the inventory',
  },
  LINT_POLICY_UNSEEN_NAME: {
    severity: 'warning',
    title: 'a name was never seen, but one like it was',
    meaning:
      'In the records of `--flows` no caller and no workload has this trust domain, namespace or service account, and another one is only a slip of the finger away.',
    fix: 'correct the name, if it is misspelt',
  },
  LINT_POLICY_TARGET_REFS: {
    severity: 'warning',
    title: 'a policy attaches to a Service or Gateway',
    meaning: 'It selects no workload here, so no sidecar enforces it.',
    fix: 'use `selector` for what a workload’s own proxy must enforce',
  },
  LINT_POLICY_UNINDEXED: {
    severity: 'warning',
    title: 'too many rules are tried one by one',
    meaning:
      'Suffix paths, headers and not-fields have no index; more than 64 of such rules slow every request down.',
    fix: 'give them an exact method or host, or a path that begins with `/`',
  },
  LINT_POLICY_YAML11: {
    severity: 'warning',
    title: 'YAML 1.1 reads this value otherwise',
    meaning: 'Kubernetes reads YAML 1.1, in which the plain word is a boolean or a number.',
    fix: 'quote it',
  },
  LINT_POLICY_SKIPPED: {
    severity: 'notice',
    title: 'a resource of another API group was skipped',
    meaning: 'It is no policy; what is in it has no effect here.',
    fix: 'nothing, if it is meant',
  },
  LINT_POLICY_EMPTY_FOLDER: {
    severity: 'notice',
    title: 'a folder has no policy file',
    meaning: 'Files end in .yaml, .yml or .json; names that begin with a dot are passed over.',
    fix: 'check the path',
  },
} as const satisfies Readonly<Record<string, LintCode>>;

/** The name of a finding. */
export type LintName = keyof typeof LINT_CODES;
