import { fileName } from '../config/names.ts';
import { showValue } from '../config/resolve.ts';
import type { Config } from '../config/resolve.ts';
import { SETTING_KEYS } from '../config/settings.ts';

interface Row {
  readonly name: string;
  readonly value: ReturnType<typeof showValue>;
  readonly origin: string;
}

/**
 * Every setting in effect and where it came from, as text or as JSON. Settings
 * hold no secrets: keys are named by their files.
 */
export function configPage({ settings, origins }: Config, json: boolean): string {
  const rows = SETTING_KEYS.map((key): Row => ({ name: fileName(key), value: showValue(settings[key]), origin: origins[key] }));
  if (json) {
    const entries = rows.map(({ name, value, origin }) => [name, { value, origin }] as const);
    return `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`;
  }
  const lines = rows.map(({ name, value, origin }) => [name, textOf(value), origin] as const);
  const width = (column: 0 | 1): number => Math.max(...lines.map((line) => line[column].length));
  const [names, values] = [width(0), width(1)];
  return lines.map(([name, value, origin]) => `${name.padEnd(names)}  ${value.padEnd(values)}  ${origin}\n`).join('');
}

function textOf(value: Row['value']): string {
  if (value === null) return '-';
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return typeof value === 'object' ? value.join(',') || '-' : String(value);
}
