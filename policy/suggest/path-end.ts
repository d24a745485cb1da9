// What is known of one method at the end of one path or template: how often, and with which values.
import { addEvidence, type Evidence, noEvidence } from './evidence.ts';
import { SAMPLES_MAX } from './limits.ts';

/** One request, or a record of many. */
export interface Sighting extends Evidence {
  /** The record allowed it by no rule: audit mode forwarded what the default denies. */
  readonly byDefault: boolean;
  /** The application said that there is nothing for this caller; null when the answer is not known. */
  readonly refused: boolean | null;
}

const NONE: ReadonlyMap<string, Evidence> = new Map();

/** One method at one place. */
export class PathEnd {
  readonly evidence = noEvidence();
  /** Requests that no rule allowed. */
  byDefault = 0;
  /** Requests whose answer is known, by what it was. */
  refused = 0;
  answered = 0;
  /** A proxy recorded it as a template: its values are not known. */
  recorded = false;
  /** Different values of each `{*}` from left to right, as many as matter. */
  readonly values: Set<string>[] = [];
  /** Different paths, up to a number. */
  samples: ReadonlyMap<string, Evidence> = NONE;
  /** There were more. */
  overflow = false;
  #samples: Map<string, Evidence> | null = null;

  add(sighting: Sighting): void {
    addEvidence(this.evidence, sighting);
    if (sighting.byDefault) this.byDefault += sighting.requests;
    if (sighting.refused === true) this.refused += sighting.requests;
    else if (sighting.refused === false) this.answered += sighting.requests;
  }

  /** Notes the value of a `{*}`; more than `enough` are not told apart. */
  value(position: number, value: string, enough: number): void {
    let known = this.values[position];
    if (known === undefined) {
      known = new Set();
      this.values[position] = known;
    }
    if (known.size < enough) known.add(value);
  }

  sample(path: string, evidence: Evidence): void {
    if (this.overflow) return; // what each one had is asked for only while all are known
    // Most ends are of one path, which is known without: a map for each would be most of a tree.
    this.#samples ??= new Map();
    this.samples = this.#samples;
    const known = this.#samples.get(path);
    if (known !== undefined) addEvidence(known, evidence);
    else if (this.#samples.size >= SAMPLES_MAX) this.overflow = true;
    else {
      const { requests, firstMs, lastMs } = evidence;
      this.#samples.set(path, { requests, firstMs, lastMs });
    }
  }

  /**
   * Takes in what is known of another end, one of whose names becomes the value of a `{*}` here: `position`
   * counts it from the left.
   */
  merge(other: PathEnd, path: string, folded: { position: number; name: string }, enough: number): void {
    addEvidence(this.evidence, other.evidence);
    this.byDefault += other.byDefault;
    this.refused += other.refused;
    this.answered += other.answered;
    this.recorded ||= other.recorded;
    this.overflow ||= other.overflow;
    for (const [i, values] of other.values.entries())
      for (const value of values) this.value(i < folded.position ? i : i + 1, value, enough);
    this.value(folded.position, folded.name, enough);
    if (other.values.length === 0 && !other.recorded) this.sample(path, other.evidence);
    for (const [sample, evidence] of other.samples) this.sample(sample, evidence);
  }
}
