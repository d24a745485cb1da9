// The names that flow records show: trust domains, namespaces and service accounts of callers and workloads.
import { parseSpiffeId } from '../../core/spiffe-id.ts';
import type { FlowSink } from '../flows/read.ts';
import type { FlowRecord } from '../flows/record.ts';

/** Names of one kind that are kept: callers who make names up cost no memory. About 5 KB with the index. */
const NAMES_MAX = 50_000;

/** Collects names from records. */
export class SeenNames implements FlowSink {
  readonly trustDomains = new Set<string>();
  readonly namespaces = new Set<string>();
  /** `namespace/account`. */
  readonly accounts = new Set<string>();
  /** True when there were more names than are kept: then an absent one proves nothing. */
  full = false;

  record({ source, destination }: FlowRecord): void {
    if (destination.namespace !== '') {
      this.#add(this.namespaces, destination.namespace);
      if (destination.workload !== '')
        this.#add(this.accounts, `${destination.namespace}/${destination.workload}`);
    }
    if (source === null || source.principal === null) return;
    const { trustDomain, namespace, serviceAccount } = parseSpiffeId(source.principal);
    this.#add(this.trustDomains, trustDomain);
    if (namespace === null) return;
    this.#add(this.namespaces, namespace);
    this.#add(this.accounts, `${namespace}/${serviceAccount}`);
  }

  #add(names: Set<string>, name: string): void {
    if (names.size < NAMES_MAX) names.add(name);
    else if (!names.has(name)) this.full = true;
  }
}
