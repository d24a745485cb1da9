// Whose code a frame is: our folders, packages, Node's own JavaScript, native code, the garbage collector.
import { dirname } from 'node:path';
import { COLLECTOR, PROGRAM } from './cpu-profile.ts';
import type { Place } from './source-places.ts';

export type Area = (typeof AREAS)[number]['name'];

/** In the order of the legend; each colour on a light and on a dark ground. */
export const AREAS = [
  { name: 'proxy', label: 'proxy/', light: '#9cc4ff', dark: '#1d4f91' },
  { name: 'policy', label: 'policy/', light: '#8fdcc0', dark: '#0b6b4f' },
  { name: 'certs', label: 'certs/', light: '#e3b5e8', dark: '#7a3a86' },
  { name: 'core', label: 'core/, cli/', light: '#b9c6ff', dark: '#454f9e' },
  { name: 'node', label: 'JavaScript of Node', light: '#f3d27a', dark: '#6f5600' },
  { name: 'packages', label: 'packages, others', light: '#f5b98d', dark: '#85481c' },
  { name: 'native', label: 'native code', light: '#cfd5dc', dark: '#4a525c' },
  { name: 'collector', label: 'garbage collector', light: '#f4a3a0', dark: '#8a2f2b' },
] as const;

const OURS: ReadonlyMap<string, Area> = new Map([
  ['proxy', 'proxy'],
  ['policy', 'policy'],
  ['certs', 'certs'],
  ['core', 'core'],
  ['cli', 'core'],
]);

export function areaOf(name: string, { file }: Place): Area {
  if (name === COLLECTOR) return 'collector';
  if (file === '') return 'native';
  if (file.startsWith('node:')) return 'node';
  const [folder = ''] = file.split('/');
  return OURS.get(folder) ?? 'packages';
}

/** A finer division of the same: our own code by folder, packages by name. */
export function partOf(name: string, place: Place): string {
  if (name === PROGRAM) return '(program): outside of JavaScript';
  const area = areaOf(name, place);
  if (area === 'collector') return COLLECTOR;
  if (area === 'native') return 'native functions';
  if (area === 'node') return 'JavaScript of Node';
  const packaged = place.file.split('node_modules/').at(-1) ?? '';
  return packaged === place.file ? `${dirname(place.file)}/` : `package ${nameOf(packaged)}`;
}

function nameOf(path: string): string {
  return path
    .split('/')
    .slice(0, path.startsWith('@') ? 2 : 1)
    .join('/');
}
