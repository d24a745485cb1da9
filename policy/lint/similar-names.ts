// Finds the name among many that differs by one slip, without comparing each with each: two such names are
// equal after at most one character is left out of each.
import { didYouMean } from '../../core/errors.ts';

/** Names this short are all alike. */
const CHARACTERS_MIN = 3;
/** Names with the same skeleton that are compared. */
const ALIKE_MAX = 64;

/** Names by what is left of them without one character. */
export class SimilarNames {
  readonly #names: ReadonlySet<string>;
  readonly #skeletons = new Map<string, string[]>();
  readonly #answers = new Map<string, string | null>();

  constructor(names: ReadonlySet<string>) {
    this.#names = names;
    for (const name of names)
      for (const skeleton of skeletonsOf(name)) {
        const alike = this.#skeletons.get(skeleton);
        if (alike === undefined) this.#skeletons.set(skeleton, [name]);
        else if (alike.length < ALIKE_MAX) alike.push(name);
      }
  }

  /** A name that was seen and of which `name`, which was not, is a slip; null where there is none. */
  like(name: string): string | null {
    let answer = this.#answers.get(name);
    if (answer === undefined) {
      answer = this.#find(name);
      this.#answers.set(name, answer);
    }
    return answer;
  }

  #find(name: string): string | null {
    if (this.#names.has(name) || name.length < CHARACTERS_MIN) return null;
    const alike = new Set<string>();
    for (const skeleton of skeletonsOf(name))
      for (const one of this.#skeletons.get(skeleton) ?? []) if (!isNumbered(one, name)) alike.add(one);
    return didYouMean(name, alike) ?? null;
  }
}

function skeletonsOf(name: string): Set<string> {
  const out = new Set([name]);
  for (let i = 0; i < name.length; i++) out.add(name.slice(0, i) + name.slice(i + 1));
  return out;
}

/** `worker-1` and `worker-2` are two workloads, no slip. */
const isNumbered = (a: string, b: string): boolean => a.replace(/\d+/g, '') === b.replace(/\d+/g, '');
