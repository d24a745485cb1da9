// A small check that text is well-formed XML, as pages and pictures of the report are: tags nest, attributes
// are quoted and unique, entities are known, ids occur once and what refers to one finds it.

const TAG = /<(\/?)([A-Za-z][\w-]*)((?:\s+[A-Za-z][\w:-]*="[^"<]*")*)\s*(\/?)>/y;
const ATTRIBUTE = /([A-Za-z][\w:-]*)="([^"]*)"/g;
const ENTITY = /&(?!(?:amp|lt|gt|quot|#39);)/;
const DOCTYPE = '<!doctype html>\n';

/** What is wrong with `text`, or null. */
export function faultOf(text: string): string | null {
  const open: string[] = [];
  const ids = new Set<string>();
  const references: string[] = [];
  let at = text.startsWith(DOCTYPE) ? DOCTYPE.length : 0;
  if (ENTITY.test(text)) return `a bare & at ${text.search(ENTITY)}`;
  if (Array.from(text).some((one) => one < ' ' && !'\t\n\r'.includes(one))) return 'a control character';
  if (!text.isWellFormed()) return 'a lone surrogate';
  for (;;) {
    at = text.indexOf('<', at);
    if (at === -1) break;
    TAG.lastIndex = at;
    const tag = TAG.exec(text);
    if (tag === null) return `no tag: ${text.slice(at, at + 60)}`;
    at = TAG.lastIndex;
    const [, end, name = '', attributes = '', empty] = tag;
    if (end === '/') {
      const last = open.pop();
      if (last !== name) return `</${name}> ends <${last}>`;
      continue;
    }
    if (empty !== '/') open.push(name);
    const seen = new Set<string>();
    for (const [, key = '', value = ''] of attributes.matchAll(ATTRIBUTE)) {
      if (seen.has(key)) return `${key} twice in <${name}>`;
      seen.add(key);
      if (key === 'id' && ids.has(value)) return `the id ${value} twice`;
      if (key === 'id') ids.add(value);
      if (key === 'aria-labelledby') references.push(...value.split(' '));
    }
  }
  if (open.length > 0) return `<${open.join('><')}> never ends`;
  const lost = references.find((reference) => !ids.has(reference));
  return lost === undefined ? null : `nothing has the id ${lost}`;
}
