// How the user calls this program, for command lines that are printed to be copied.
import { relative } from 'node:path';

/** `npx node cli/main.ts` from sources, `sallyport` once installed. */
export function selfCommand(): string {
  const entry = process.argv[1] ?? '';
  return entry.endsWith('.ts') ? `npx node ${relative(process.cwd(), entry)}` : 'sallyport';
}
