// Where things are: paths of files, addresses to listen on and to connect to.
import { leaf, parsed, ruled, withDefault } from './fields.ts';
import { PATH_RULE } from './text-rule.ts';
import { type Parsed, parseConnectAddress, parseListenAddress } from './values.ts';

const ADDRESS_PATTERN = ':[0-9]{1,5}$';

/** One required file. */
export const path = (description: string) =>
  leaf(ruled(PATH_RULE), { kind: 'path', allowed: PATH_RULE.allowed }, description);

/** One path, with a default. */
export const pathOr = (initial: string, description: string) =>
  leaf(
    withDefault(ruled(PATH_RULE), initial),
    { kind: 'path', allowed: PATH_RULE.allowed, default: initial },
    description,
  );

function parsePathOrNone(text: string): Parsed<string | null> {
  if (text === 'none') return { value: null };
  if (PATH_RULE.accepts(text)) return { value: text };
  return { fault: `is not ${PATH_RULE.allowed}`, hint: 'write `none` for no file' };
}

/** One file, or `none`, the default, which reads as null. */
export const pathOrNone = (description: string) =>
  leaf(
    withDefault(parsed(parsePathOrNone, ''), 'none'),
    { kind: 'path', allowed: `${PATH_RULE.allowed}, or \`none\``, default: 'none' },
    description,
  );

const listening = (initial?: string) => ({
  kind: 'address' as const,
  allowed: '`ip:port`, port 0 = any free one',
  ...(initial === undefined ? {} : { default: initial }),
});

/** Where to listen. */
export const listenAddress = (description: string) =>
  leaf(parsed(parseListenAddress, ADDRESS_PATTERN), listening(), description);

/** Where to listen, with a default. */
export const listenAddressOr = (initial: string, description: string) =>
  leaf(withDefault(parsed(parseListenAddress, ADDRESS_PATTERN), initial), listening(initial), description);

/** Where to connect. */
export const connectAddress = (description: string) =>
  leaf(
    parsed(parseConnectAddress, ADDRESS_PATTERN),
    { kind: 'address', allowed: '`host:port`' },
    description,
  );
