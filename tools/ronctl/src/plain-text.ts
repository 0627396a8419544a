/** Text that comes from elsewhere, made harmless for a terminal and a line. */

/** Everything but printable ASCII is escaped. */
export function ascii(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, escaped);
}

/** What could steer a terminal, break a line or reverse it is escaped; letters of all languages are not. */
export function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => Array.from({ length: character.length }, (_, at) => escaped(character.charAt(at))).join(''));
}

/** ` name=value` for each; a value that is not one plain word is written as JSON. */
export function namedValues(values: Readonly<Record<string, unknown>>): string {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${typeof value === 'string' && /^[\w.:/=-]+$/.test(value) ? value : JSON.stringify(value)}`)
    .join('');
}

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
