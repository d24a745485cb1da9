// `npm run demo` shows every promise on a real application, ends by itself within a minute with exit 0, and
// leaves nothing behind.
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { run } from './stage/foreign.ts';

const ENTRY = new URL('../../cli/main.ts', import.meta.url).pathname;
const MS_MAX = 60_000;

test(
  'the demo',
  async () => {
    const startMs = performance.now();
    const { code, out, err } = await run(process.execPath, [ENTRY, 'demo'], { timeoutMs: MS_MAX });
    expect(performance.now() - startMs).toBeLessThan(MS_MAX);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const steps = [...out.matchAll(/^(\d)\. (.*)$/gm)].map(([, , title]) => title);
    expect(steps).toEqual([
      'An allowed call',
      'A denied call, explained',
      'A stranger',
      'A caller without TLS',
      'Audit mode',
      'A policy edit on a live connection',
      'Certificate rotation under load',
      'The metrics',
    ]);
    expect(out).toMatch(
      /nearest rule ns\[shop\]-policy\[cart\]-rule\[0\]: to\.operation\.methods wants \["GET"\]/,
    );
    expect(out).toContain('untrusted-certificate');
    expect(out).toMatch(/in both: requestId [0-9a-f-]{36}, trace [0-9a-f]{32}\n/);
    expect(out).toContain('outbound, web -> cart: allow by ns[shop]-policy[web]-rule[0]\n');
    expect(out).toContain('inbound, web -> cart: allow by ns[shop]-policy[cart]-rule[0]\n');
    expect(out).toContain('ns[shop]-policy[web]-rule[0]: to.operation.methods wants ["GET"], got "DELETE"\n');
    expect(out).toContain("web's own proxy denied it: cart never heard of it\n");
    expect(out).toMatch(/502 .*"code":"unexpected-peer"/);
    expect(out).toMatch(/unexpected-peer: .* the server is `spiffe:\/\/example\.org\/ns\/shop\/sa\/stock`/);
    expect(out).toMatch(/web +GET +\/items\/\{\*\} +forwarded, would be denied \(default-deny\) +x1/);
    expect(out).toMatch(/same connection: yes/);
    expect(out).toMatch(/ 0 failed/);
    const folder = /in (\S+)$/m.exec(out)?.[1] ?? '';
    expect(folder).toContain('sallyport-demo-');
    expect(existsSync(folder)).toBe(false);
  },
  2 * MS_MAX,
);
