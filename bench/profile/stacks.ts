// The samples of a profile folded into one tree: calls of the same function from the same stack are one
// frame.
import { type CpuProfile, IDLE, type ProfileNode, selfTimesUs } from './cpu-profile.ts';
import type { Place, SourcePlaces } from './source-places.ts';

/** One function on one stack. Microseconds. */
export interface Frame {
  readonly name: string;
  readonly place: Place;
  selfUs: number;
  /** Self and everything called from it. */
  totalUs: number;
  /** Ordered by name and place: the same profile gives the same tree. */
  readonly children: readonly Frame[];
}

export interface Stacks {
  /** What stands on the bottom of the stacks. */
  readonly roots: readonly Frame[];
  readonly busyUs: number;
  readonly idleUs: number;
}

/** Folds `profile`; the idle time is counted apart. */
export function foldStacks(profile: CpuProfile, places: Pick<SourcePlaces, 'of'>): Stacks {
  const selfUs = selfTimesUs(profile);
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const [root] = profile.nodes;
  const fold = (nodes: readonly ProfileNode[]): Frame[] => {
    const groups = new Map<string, { name: string; place: Place; nodes: ProfileNode[] }>();
    for (const node of nodes) {
      const name = node.callFrame.functionName || '(anonymous)';
      const place = places.of(node.callFrame);
      const key = JSON.stringify([name, place.file, place.line]);
      const group = groups.get(key);
      if (group === undefined) groups.set(key, { name, place, nodes: [node] });
      else group.nodes.push(node);
    }
    const ordered = [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
    return ordered.map(({ name, place, nodes: same }): Frame => {
      const children = fold(same.flatMap((node) => childrenOf(node, byId)));
      const self = same.reduce((sum, { id }) => sum + (selfUs.get(id) ?? 0), 0);
      return { name, place, selfUs: self, totalUs: self + sumOf(children), children };
    });
  };
  const all = root === undefined ? [] : fold(childrenOf(root, byId));
  const roots = all.filter(({ name, totalUs }) => name !== IDLE && totalUs > 0);
  return { roots, busyUs: sumOf(roots), idleUs: sumOf(all) - sumOf(roots) };
}

/** Every frame of a tree, callers before what they call. */
export function* framesOf(frames: readonly Frame[]): Generator<Frame> {
  for (const frame of frames) {
    yield frame;
    yield* framesOf(frame.children);
  }
}

function childrenOf({ children = [] }: ProfileNode, byId: ReadonlyMap<number, ProfileNode>): ProfileNode[] {
  return children.flatMap((id) => byId.get(id) ?? []);
}

function sumOf(frames: readonly Frame[]): number {
  return frames.reduce((sum, { totalUs }) => sum + totalUs, 0);
}
