// Every limit of learning policies from traffic, with its unit and its reason. What does not fit is counted
// as left out, never guessed.

/** Different values that each caller must have had at a place before `{*}` stands for them. */
export const VALUES_MIN = 5;
export const VALUES_MIN_MAX = 1000;
/** Names at one place that stay apart, as many as for a proxy. More, that all do the same, are `{*}`. */
export const WIDTH_MAX = 50;
export const WIDTH_MAX_MAX = 1000;
/** Paths kept of one template, so that a place with few values can be written with them. */
export const SAMPLES_MAX = 64;
/** Names remembered of those that became `{*}`; with more, no names of other callers are excluded from it. */
export const FOLDED_NAMES_MAX = 10_000;
/** Names in first place: entry points of an application. They never become `{*}`. */
export const ROOT_NAMES_MAX = 2_000;
/** Segments of a path that is learned. */
export const SEGMENTS_MAX = 24;
/** Segments kept of all trees together, 1 to 2 KB each, and of one: no caller pushes the others out. */
export const PLACES_MAX = 200_000;
export const PLACES_PER_TREE_MAX = 20_000;
/** Callers of workloads, and of one workload. */
export const PAIRS_MAX = 50_000;
export const PAIRS_PER_WORKLOAD_MAX = 5_000;
/** Paths written for a template whose places with few values are combined. */
export const COMBINATIONS_MAX = 16;
/** Names that one template may exclude. */
export const EXCLUDED_MAX = 100;
/** Paths that policies refused at one port of a workload and that are excluded too: strangers choose them. */
export const REFUSED_PATHS_MAX = 32;
/** Examples shown of what was left out, by reason. */
export const EXAMPLES_MAX = 3;
/** Callers told apart in what was left out, by reason. */
export const LEFT_OUT_CALLERS_MAX = 1_000;
