// A strict reader of the Prometheus text format, written from its description and independent of what renders
// it.

/** One metric family as read. */
export interface Family {
  readonly type: string;
  readonly help: string;
  readonly samples: { name: string; labels: Record<string, string>; value: number }[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** Reads a whole exposition; throws at the first line that breaks the format. */
export function readExposition(body: string): Map<string, Family> {
  if (!body.endsWith('\n')) throw new Error('the last line does not end');
  const families = new Map<string, Family>();
  const seen = new Set<string>();
  let help: { name: string; text: string } | undefined;
  let current: { name: string; family: Family } | undefined;
  for (const line of body.split('\n')) {
    if (line === '') continue;
    if (line.startsWith('# HELP ')) {
      const [name = '', ...words] = line.slice(7).split(' ');
      help = { name, text: words.join(' ') };
    } else if (line.startsWith('# TYPE ')) {
      const [name = '', type = ''] = line.slice(7).split(' ');
      if (!NAME.test(name) || help?.name !== name || families.has(name))
        throw new Error(`bad family: ${line}`);
      current = { name, family: { type, help: help.text, samples: [] } };
      families.set(name, current.family);
    } else {
      const sample = readSample(line);
      const base =
        current?.family.type === 'histogram' ? sample.name.replace(/_(bucket|sum|count)$/, '') : sample.name;
      if (current === undefined || base !== current.name)
        throw new Error(`sample outside its family: ${line}`);
      const key = `${sample.name} ${JSON.stringify(Object.entries(sample.labels).sort())}`;
      if (seen.has(key)) throw new Error(`series twice: ${line}`);
      seen.add(key);
      current.family.samples.push(sample);
    }
  }
  return families;
}

/** Value of one series, or undefined. */
export function sampleValue(
  body: string,
  name: string,
  labels: Record<string, string> = {},
): number | undefined {
  const wanted = JSON.stringify(Object.entries(labels).sort());
  for (const { samples } of readExposition(body).values()) {
    for (const sample of samples) {
      if (sample.name === name && JSON.stringify(Object.entries(sample.labels).sort()) === wanted)
        return sample.value;
    }
  }
  return undefined;
}

function readSample(line: string): Family['samples'][number] {
  const brace = line.indexOf('{');
  const name = line.slice(0, brace < 0 ? line.indexOf(' ') : brace);
  if (!NAME.test(name)) throw new Error(`bad name: ${line}`);
  const labels: Record<string, string> = {};
  let i = name.length;
  if (brace >= 0) {
    i++;
    while (line[i] !== '}') {
      const equals = line.indexOf('=', i);
      const label = line.slice(i, equals);
      if (equals < 0 || !LABEL.test(label) || label in labels || line[equals + 1] !== '"')
        throw new Error(`bad label: ${line}`);
      const { text, end } = readValue(line, equals + 2);
      labels[label] = text;
      i = line[end] === ',' ? end + 1 : end;
    }
    i++;
  }
  const value = line.slice(i + 1);
  if (line[i] !== ' ' || !/^([+-]Inf|NaN|[+-]?[0-9.]+(e[+-]?[0-9]+)?)$/.test(value))
    throw new Error(`bad value: ${line}`);
  return { name, labels, value: Number(value.replace('Inf', 'Infinity')) };
}

function readValue(line: string, start: number): { text: string; end: number } {
  let text = '';
  for (let i = start; i < line.length; i++) {
    if (line[i] === '"') return { text, end: i + 1 };
    if (line[i] !== '\\') text += line[i];
    else {
      i++;
      const meaning = { '\\': '\\', '"': '"', n: '\n' }[line[i] ?? ''];
      if (meaning === undefined) throw new Error(`bad escape: ${line}`);
      text += meaning;
    }
  }
  throw new Error(`value does not end: ${line}`);
}
