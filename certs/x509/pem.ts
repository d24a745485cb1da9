// PEM text (RFC 7468), as it is found in files: several blocks, and prose between them.

/** One `-----BEGIN …-----` block. */
export interface PemBlock {
  /** E.g. `CERTIFICATE`. */
  readonly label: string;
  readonly der: Buffer;
  /** Line of the BEGIN marker, from 1. */
  readonly line: number;
}

/** The blocks of a file up to the first fault, if there is one. */
export interface PemFile {
  readonly blocks: readonly PemBlock[];
  readonly fault: { readonly line: number; readonly message: string } | null;
}

const BEGIN = '-----BEGIN ';
const END = '-----END ';
const DASHES = '-----';

/** Reads every block of `text`. Text outside of blocks is a comment. */
export function readPem(text: string): PemFile {
  const blocks: PemBlock[] = [];
  let open: { label: string; line: number; body: string } | null = null;
  const lines = text.split('\n');
  for (const [i, raw] of lines.entries()) {
    const line = raw.trim();
    if (open === null) {
      if (line.startsWith(BEGIN) && line.endsWith(DASHES))
        open = { label: line.slice(BEGIN.length, -DASHES.length), line: i + 1, body: '' };
      continue;
    }
    if (line.startsWith(END)) {
      if (line !== `${END}${open.label}${DASHES}`)
        return { blocks, fault: { line: i + 1, message: `the END marker is not of \`${open.label}\`` } };
      const der = decodeBase64(open.body);
      // An encrypted key of the old style has header lines; its label is all that is needed to say so.
      if (der === null && !open.body.startsWith('Proc-Type:'))
        return { blocks, fault: { line: open.line, message: 'the block is not base64' } };
      blocks.push({ label: open.label, der: der ?? Buffer.alloc(0), line: open.line });
      open = null;
    } else open.body += line;
  }
  if (open !== null) return { blocks, fault: { line: open.line, message: 'the block has no END marker' } };
  return { blocks, fault: null };
}

/** Wraps DER at 64 characters a line. */
export function writePem(label: string, der: Buffer): string {
  const body = der.toString('base64');
  const lines: string[] = [];
  for (let at = 0; at < body.length; at += 64) lines.push(body.slice(at, at + 64));
  return `${BEGIN}${label}${DASHES}\n${lines.join('\n')}\n${END}${label}${DASHES}\n`;
}

function decodeBase64(body: string): Buffer | null {
  const der = Buffer.from(body, 'base64');
  // Buffer.from skips what it does not know; only a faithful copy is accepted.
  return body !== '' && der.toString('base64') === body ? der : null;
}
