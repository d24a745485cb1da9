// The graph for other programs: whatever a name holds, DOT and Mermaid read it as one label. DOT is checked
// by a small strict parser of its lexical rules (https://graphviz.org/doc/info/lang.html).
import { describe, expect, test } from 'vitest';
import { dotText, mermaidText } from '../../../cli/flows/graph.ts';
import { Progress } from '../../../cli/progress.ts';
import { jsonText, printable, shellWord } from '../../../cli/text.ts';
import type { Edge } from '../../../policy/flows/edges.ts';
import { EdgeTable } from '../../../policy/flows/edges.ts';
import { Names } from '../../../policy/flows/names.ts';
import { DENIED, flow } from '../policy/flows/flow-samples.ts';

const NAMES = new Names('example.org');
const EVERY_BYTE = Array.from({ length: 256 }, (_, c) => String.fromCharCode(c)).join('');
const HOSTILE = [
  'a"]; x -> y [label="',
  'a\\',
  'a\\"',
  'a\n}\ndigraph b {',
  '</table>',
  '&quot;',
  '<b>',
  '\\N\\G',
  'a|b{c}',
  'end',
  'a"] --> b["',
  '#34;',
  '`**x**`',
  '%%{init}%%',
  'click n0 "javascript:x"',
  '\u202e\u009b2J',
  'é',
  '\u0000',
  EVERY_BYTE,
  '',
  'x'.repeat(300),
];

function edgeTo(workload: string, change = {}): Edge {
  const table = new EdgeTable();
  table.record(flow({ destination: { workload, namespace: '', port: 8080 }, ...change }));
  const [edge] = table.edges();
  if (edge === undefined) throw new Error('there is one');
  return edge;
}

/** The tokens of a DOT text; throws where it is none. */
function dotTokens(text: string): string[] {
  const tokens: string[] = [];
  for (let i = 0; i < text.length; ) {
    const rest = text.slice(i);
    const token = /^(?:"(?:[^"\\\n]|\\[\x20-\x7e])*"|->|[{}[\];,=]|[A-Za-z_][A-Za-z_0-9]*|\s+)/.exec(
      rest,
    )?.[0];
    if (token === undefined) throw new Error(`no token: ${rest.slice(0, 40)}`);
    if (token.trim() !== '') tokens.push(token.startsWith('"') ? 'STRING' : token);
    i += token.length;
  }
  return tokens;
}

describe('DOT', () => {
  test.each(HOSTILE.map((text) => ({ name: printable(text).slice(0, 40), text })))(
    'takes $name as a label',
    ({ text: name }) => {
      expect(dotTokens(dotText([edgeTo(name)], NAMES))).toEqual(dotTokens(dotText([edgeTo('plain')], NAMES)));
    },
  );

  test('is drawn dotted where all was denied, dashed where one side saw it', () => {
    expect(dotText([edgeTo('db', DENIED)], NAMES)).toContain('style=dotted, color="#c0392b"');
    expect(dotText([edgeTo('db')], NAMES)).toContain('port 8080", style=dashed]');
  });

  test('has one node for a workload that calls and is called', () => {
    const called = edgeTo('cart', { destination: { workload: 'cart', namespace: 'shop', port: 8080 } });
    const source = { principal: 'spiffe://example.org/ns/shop/sa/cart', ip: null };
    const text = dotText([called, edgeTo('db', { source })], NAMES);
    expect(text.match(/^ {2}n[0-9]+ \[/gm)).toHaveLength(3);
    expect(text).toContain('n0 -> n1 ');
    expect(text).toContain('n1 -> n2 ');
  });
});

describe('Mermaid', () => {
  test.each(HOSTILE.map((text) => ({ name: printable(text).slice(0, 40), text })))(
    'takes $name as a label',
    ({ text: name }) => {
      const lines = mermaidText([edgeTo(name)], NAMES).split('\n');
      expect(lines).toHaveLength(5);
      expect(lines[2]).toMatch(/^ {2}n1\["(?:[A-Za-z0-9 /._:,-]|#[0-9]+;)*"\]$/);
      expect(lines[3]).toMatch(/^ {2}n0 -->\|"1 request, port 8080"\| n1$/);
    },
  );

  test('draws denials in another way', () => {
    const text = mermaidText([edgeTo('a'), edgeTo('db', DENIED)], NAMES);
    expect(text).toContain('n0 -.->|"1 request, 1 denied, port 8080"| n2\n  linkStyle 1 stroke:#c0392b\n');
  });
});

describe('text', () => {
  test('is printable ASCII whatever it was, and tells apart what was different', () => {
    const shown = [...EVERY_BYTE, '\u202e', '\ud800', '\\u001b'].map(printable);
    expect(shown.every((text) => /^[\x20-\x7e]*$/.test(text))).toBe(true);
    expect(new Set(shown).size).toBe(shown.length);
  });

  test('as JSON is the same text', () => {
    const json = jsonText({ a: `${EVERY_BYTE}\u202e\ud800` });
    expect(json).toMatch(/^[\x20-\x7e]*\n$/);
    expect(JSON.parse(json)).toEqual({ a: `${EVERY_BYTE}\u202e\ud800` });
  });

  test.each([
    { text: 'shop/web', expect: 'shop/web' },
    { text: 'cart:8080/items/7', expect: 'cart:8080/items/7' },
    { text: '/a b', expect: "'/a b'" },
    { text: "/a'$(id)`id`!!", expect: "'/a'\\''$(id)`id`!!'" },
    { text: '~root', expect: "'~root'" },
    { text: '{*}', expect: "'{*}'" },
    { text: '--config', expect: null },
    { text: '', expect: null },
    { text: 'a\nrm', expect: null },
    { text: 'a\u001b[2J', expect: null },
    { text: 'é', expect: null },
  ])('for a shell: $text', ({ text, expect: expected }) => expect(shellWord(text)).toBe(expected));
});

describe('progress', () => {
  function shown(isTty: boolean): string[] {
    const err: string[] = [];
    let nowMs = 0;
    const io = {
      out: () => {},
      err: (text: string) => void err.push(text),
      color: false,
      isTty,
      cwd: '/',
      env: {},
    };
    const progress = new Progress(io, () => nowMs);
    for (; nowMs <= 3000; nowMs += 250) progress.at('a', { lines: nowMs, bytes: nowMs, bytesMax: 6000 });
    progress.end();
    return err;
  }

  test('is told on a terminal after two seconds, twice a second, and removed', () => {
    expect(shown(true)).toEqual([
      '\r\u001b[Kreading a: 2,000 lines, 33 %',
      '\r\u001b[Kreading a: 2,500 lines, 41 %',
      '\r\u001b[Kreading a: 3,000 lines, 50 %',
      '\r\u001b[K',
    ]);
  });

  test('is not told to a file', () => expect(shown(false)).toEqual([]));
});
