// Limits of files with cases and invariants, with unit and reason. Beyond a limit the file is refused.

/** Characters of one file: some 20,000 written cases. */
export const CASES_FILE_CHARACTERS_MAX = 4 * 1024 * 1024;
/** Cases of one file: a matrix multiplies, and all of them are held in memory. */
export const CASES_MAX = 100_000;
/** Invariants of one file: each is a search of its own. */
export const INVARIANTS_MAX = 1_000;
/** Characters of a name: it stands in reports. */
export const NAME_CHARACTERS_MAX = 300;
/** Levels of lists and mappings: a reader that follows them needs a stack. */
export const DEPTH_MAX = 64;
