// What a text in the configuration file must be: in words, and as a test.

/** A rule; `allowed` completes "is not …". */
export interface TextRule {
  readonly allowed: string;
  readonly accepts: (text: string) => boolean;
}

const PATH_CHARACTERS_MAX = 4096; // Linux PATH_MAX

/** What a path must be. */
export const PATH_RULE: TextRule = {
  allowed: 'a path, relative to the configuration file',
  accepts: (t) => t !== '' && t.length <= PATH_CHARACTERS_MAX && !t.includes('\0'),
};
