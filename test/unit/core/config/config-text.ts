// Configuration texts for tests: the least one, ways to change it, and what is wrong with one.
import { parseConfig } from '../../../../core/config/load.ts';
import { SallyportError } from '../../../../core/errors.ts';

/** Where the texts pretend to stand. */
export const FILE = '/etc/sallyport/sallyport.yaml';

/** The least that a configuration needs. */
export const MINIMAL = `identity:
  trustDomain: example.org
  files: { certificate: tls.crt, key: tls.key, bundles: { example.org: ca.pem } }
listeners:
  - name: inbound
    address: 0.0.0.0:8443
    upstream: 127.0.0.1:8080
policy: { files: [policies/] }
`;

/** MINIMAL with one text replaced. */
export function edit(from: string, to: string): string {
  if (!MINIMAL.includes(from)) throw new Error(`MINIMAL has no ${from}`);
  return MINIMAL.replace(from, to);
}

/** MINIMAL with lines added to its listener. */
export const listener = (lines: string): string =>
  edit('    upstream: 127.0.0.1:8080\n', `    upstream: 127.0.0.1:8080\n    ${lines}\n`);

/** Every error of `text`: `line:column code message | hint`. */
export function errorsOf(text: string): string[] {
  try {
    parseConfig(text, FILE);
  } catch (error) {
    if (!(error instanceof SallyportError)) throw error;
    return error.diagnostics.map(
      (d) =>
        `${d.at?.line}:${d.at?.column} ${d.code} ${d.message}${d.hint === undefined ? '' : ` | ${d.hint}`}`,
    );
  }
  return [];
}
