// What is known of workloads beside the records, which do not carry labels: named on the command line, or the
// one of a configuration.
import type { RecordedRequest, RecordedWorkload } from './recorded.ts';

/** One workload. */
export interface KnownWorkload {
  readonly namespace: string;
  /** As records name it. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Workloads by namespace and name. */
export class KnownWorkloads {
  readonly #byName: ReadonlyMap<string, KnownWorkload>;
  readonly #only: KnownWorkload | null;

  constructor(workloads: readonly KnownWorkload[]) {
    this.#byName = new Map(workloads.map((one) => [`${one.namespace}/${one.name}`, one]));
    const [only, ...more] = workloads;
    this.#only = only !== undefined && more.length === 0 ? only : null;
  }

  /** The request with what is known of its workload. A record that names no workload is of the only one. */
  complete(request: RecordedRequest): RecordedRequest {
    const workload = this.#completed(request.workload);
    return workload === request.workload ? request : { ...request, workload };
  }

  #completed(workload: RecordedWorkload): RecordedWorkload {
    const { namespace, name, labels } = workload;
    if (
      name === undefined &&
      this.#only !== null &&
      (namespace ?? this.#only.namespace) === this.#only.namespace
    )
      return { ...this.#only, labels: labels ?? this.#only.labels };
    if (labels !== undefined || namespace === undefined || name === undefined) return workload;
    const known = this.#byName.get(`${namespace}/${name}`);
    return known === undefined ? workload : { namespace, name, labels: known.labels };
  }
}
