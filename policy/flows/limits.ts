// Every limit of reading flow records, with its unit and its reason. What does not fit is counted.

/**
 * Bytes of one line: a record of the proxy with every text at its longest and escaped is below 200 KiB.
 */
export const LINE_BYTES_MAX = 256 * 1024;
/** Characters of texts; the proxy cuts its own at these lengths and adds an ellipsis. */
export const PRINCIPAL_CHARACTERS_MAX = 2048;
export const NAME_CHARACTERS_MAX = 257;
export const IP_CHARACTERS_MAX = 65;
export const METHOD_CHARACTERS_MAX = 33;
export const PATH_CHARACTERS_MAX = 1025;
export const RULE_CHARACTERS_MAX = 513;
export const RULES_MAX = 16;
export const WANTED_MAX = 8;
export const VALUE_CHARACTERS_MAX = 257;
/** Requests of one record: sums of a million such records are still exact. */
export const COUNT_MAX = 2 ** 32;
/** Lines shown as faulty; the others are counted. */
export const FAULTS_SHOWN_MAX = 5;
/** Characters kept of a faulty line. */
export const FAULT_CHARACTERS_MAX = 160;
/** Caller and workload pairs, and those of one caller; about 1 KB each. */
export const EDGES_MAX = 100_000;
export const EDGES_PER_CALLER_MAX = 10_000;
/** Ports named by one edge and side. */
export const PORTS_MAX = 16;
/** Paths, and those of one workload: whoever is denied chooses them. */
export const PATHS_MAX = 100_000;
export const PATHS_PER_WORKLOAD_MAX = 10_000;
/** Rules told apart. */
export const RULE_ROWS_MAX = 100_000;
/** Groups of denials, and those of one caller, so that a scanner does not push the others out. */
export const DENIALS_MAX = 50_000;
export const DENIALS_PER_CALLER_MAX = 2_000;
/** Denials of a decision log kept to explain groups, and those of one caller. */
export const SAMPLES_MAX = 10_000;
export const SAMPLES_PER_CALLER_MAX = 200;
