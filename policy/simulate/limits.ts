// Every limit of replaying recorded traffic, with its unit and its reason. What does not fit is counted, and
// the report says so.

/** Bytes of one line; longer ones are passed over. The longest that the proxy writes is below 200 KiB. */
export const LINE_BYTES_MAX = 256 * 1024;
/** How deep JSON may be nested: records are five deep. */
export const DEPTH_MAX = 32;
/** Lines shown as faulty; the others are counted. */
export const FAULTS_SHOWN_MAX = 5;
/** Characters kept of a faulty line. */
export const FAULT_CHARACTERS_MAX = 160;
/** Requests of one line: sums of a million such lines are still exact. */
export const COUNT_MAX = 2 ** 32;
/** Characters of texts from foreign logs, as the proxy cuts its own. */
export const TEXT_CHARACTERS_MAX = 2048;
/** Labels and headers of one record. */
export const ITEMS_MAX = 128;
/** Kinds of requests whose verdict is remembered; about 1 KB each. Past it all are forgotten. */
export const SHAPES_MAX = 20_000;
/** Paths remembered, and their characters, over all kinds. */
export const PATHS_MAX = 100_000;
export const PATH_CHARACTERS_SUM_MAX = 16 * 1024 * 1024;
/** Rows of a report, and those of one caller, so that a scanner does not push the others out. */
export const ROWS_MAX = 20_000;
export const ROWS_PER_CALLER_MAX = 2_000;
/** Combinations of missing fields and workloads that tables are kept for. */
export const TABLES_MAX = 256;
/** Templates of flow records whose classes are remembered. */
export const TEMPLATES_MAX = 20_000;
/** Ways in which path patterns cut a template that get tables of their own. */
export const SPLITS_MAX = 64;
/** Rules of one table of those that say which rules match: a decision names at most 16. */
export const RULES_PER_PROBE = 16;
/** Rules and reasons that requests are counted by. */
export const NAMES_MAX = 10_000;
