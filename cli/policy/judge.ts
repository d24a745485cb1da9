// Judges requests on the proxy's own engine: the compiled table, one for each workload that is asked.
import { type Diagnostic, SallyportError } from '../../core/errors.ts';
import { compile } from '../../policy/compile.ts';
import { evaluate } from '../../policy/evaluate.ts';
import type { Policy, Workload } from '../../policy/model.ts';
import { nearest } from '../../policy/near.ts';
import { partitionBySource } from '../../policy/partition.ts';
import type { Decision, NearRule, Verdict } from '../../policy/request.ts';
import type { JudgedRequest } from '../../policy/request-json.ts';
import { residualFor } from '../../policy/residual.ts';
import { loadTable, type Table } from '../../policy/table.ts';
import { validatePolicy } from '../../policy/validate.ts';
import type { PolicyInput } from './input.ts';

/** One answer, keys in the order they are printed. */
export interface Answer {
  readonly verdict: Verdict;
  readonly reason: Decision['reason'];
  readonly rules: readonly string[];
  readonly near: readonly NearRule[];
  readonly dryRun: Decision['dryRun'];
  readonly policyHash: string;
  /** Present when AUDIT rules matched. */
  readonly audit?: readonly string[];
}

interface Prepared {
  readonly workload: Workload;
  readonly policies: readonly Policy[];
  readonly table: Table;
}

/** Compiles for each workload once. */
export class Judge {
  readonly #input: PolicyInput;
  readonly #prepared = new Map<string, Prepared>();
  readonly #tcpFaults = new Map<Policy, Map<number, readonly Diagnostic[]>>();
  /** Findings that a workload's proxy would log. */
  readonly warnings: Diagnostic[] = [];

  constructor(input: PolicyInput) {
    this.#input = input;
  }

  /**
   * The workload that a request is for.
   * @throws ERR_REQUEST_DESTINATION when it disagrees with the configuration, or says too little without one
   */
  workloadOf({ destination }: JudgedRequest): Workload {
    const { workload } = this.#input;
    if (workload === null)
      return {
        namespace: destination.namespace ?? this.#onlyNamespace(),
        serviceAccount: null,
        labels: destination.labels ?? {},
      };
    const { namespace, labels } = destination;
    const differs = Object.entries(labels ?? {}).find(([key, value]) => workload.labels[key] !== value);
    if ((namespace ?? workload.namespace) !== workload.namespace || differs !== undefined)
      throw new SallyportError(
        'ERR_REQUEST_DESTINATION',
        differs === undefined
          ? `destination.namespace is \`${namespace}\`, the workload is in \`${workload.namespace}\``
          : `destination.labels has \`${differs[0]}: ${differs[1]}\`, the workload does not`,
        { hint: 'leave `destination` out, or evaluate without --config' },
      );
    return workload;
  }

  /** Selects and compiles for a workload. @throws ERR_POLICY_INVALID with every error of its policies */
  prepare(workload: Workload): void {
    this.#of(workload);
  }

  /** Judges one request; `workload` must have been prepared or be valid. */
  judge(judged: JudgedRequest, workload: Workload): Answer {
    const { table, policies } = this.#of(workload);
    const { nowMs } = this.#input;
    const { connection, request, fault } = judged;
    const refused = fault ?? (request.http === null ? this.#tcpFault(policies, judged) : null);
    if (refused !== null)
      return {
        verdict: 'deny',
        reason: refused,
        rules: [],
        near: [],
        dryRun: null,
        policyHash: table.policyHash,
      };
    const decision = evaluate(residualFor(table, connection, nowMs), request);
    const { verdict, reason, rules, audit, dryRun } = decision;
    return {
      verdict,
      reason,
      rules,
      near: reason === 'default-deny' ? nearest(table, connection, request, nowMs) : [],
      dryRun,
      policyHash: table.policyHash,
      ...(audit.length === 0 ? {} : { audit }),
    };
  }

  #of(workload: Workload): Prepared {
    const key = JSON.stringify([workload.namespace, Object.entries(workload.labels).sort()]);
    const known = this.#prepared.get(key);
    if (known !== undefined) return known;
    const { sets, warnings } = partitionBySource(this.#input.parsed, workload, this.#input.options);
    const errors = [...new Set(sets.flatMap((set) => set.errors))];
    if (errors.length > 0)
      throw new SallyportError('ERR_POLICY_INVALID', 'the policies have errors, and nothing was evaluated', {
        diagnostics: errors,
      });
    for (const warning of warnings)
      if (!this.warnings.some((seen) => seen.at === warning.at && seen.code === warning.code))
        this.warnings.push(warning);
    const policies = sets.flatMap((set) => set.policies);
    const prepared = {
      workload,
      policies,
      table: loadTable(compile(policies, workload, this.#input.options)),
    };
    this.#prepared.set(key, prepared);
    return prepared;
  }

  /**
   * A TCP listener on that port would refuse policies with HTTP fields, and deny everything at a first load.
   */
  #tcpFault(policies: readonly Policy[], { connection }: JudgedRequest): 'invalid-policy' | null {
    const port = connection.destinationPort;
    if (port === null) return null;
    const options = { ...this.#input.options, acceptsPlaintext: false, tcpPorts: [port] };
    let faulty = false;
    for (const policy of policies) {
      const byPort = this.#tcpFaults.get(policy) ?? new Map<number, readonly Diagnostic[]>();
      this.#tcpFaults.set(policy, byPort);
      let found = byPort.get(port);
      if (found === undefined) {
        const faults: Diagnostic[] = [];
        validatePolicy(policy, options, (at, { code, message, hint = '' }) =>
          faults.push({ severity: 'error', code, message, hint, at }),
        );
        this.warnings.push(...faults);
        byPort.set(port, faults);
        found = faults;
      }
      faulty ||= found.length > 0;
    }
    return faulty ? 'invalid-policy' : null;
  }

  /** Without a destination, the one namespace that the policies are about. */
  #onlyNamespace(): string {
    const { parsed, options } = this.#input;
    const namespaces = new Set(parsed.policies.map((policy) => policy.namespace));
    namespaces.delete(options.rootNamespace);
    const [only, ...others] = namespaces;
    if (only !== undefined && others.length === 0) return only;
    throw new SallyportError(
      'ERR_REQUEST_DESTINATION',
      'the request has no destination.namespace, and the policies do not leave just one',
      { hint: 'add `"destination":{"namespace":"…"}`, or --config FILE' },
    );
  }
}
