// Path templates as flow records carry them.

const SLASH = 0x2f;

/**
 * True when `path` is one of the paths that `template` stands for: `{*}` is one segment that is not empty,
 * `{**}` the rest.
 */
export function isOfTemplate(template: string, path: string): boolean {
  let t = 0;
  let p = 0;
  while (t < template.length) {
    if (template.startsWith('{**}', t)) return t + 4 === template.length;
    if (template.startsWith('{*}', t)) {
      const start = p;
      while (p < path.length && path.charCodeAt(p) !== SLASH) p++;
      if (p === start) return false;
      t += 3;
    } else if (template.charCodeAt(t++) !== path.charCodeAt(p++)) return false;
  }
  return p === path.length;
}

/** A path that the template stands for. */
export function exampleOf(template: string): string {
  return template.replaceAll('{**}', 'any').replaceAll('{*}', 'any');
}
