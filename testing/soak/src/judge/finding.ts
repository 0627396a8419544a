/** One thing that must hold, and what was seen of it. */
export interface Finding {
  readonly name: string;
  readonly seen: string;
  readonly bound: string;
  /** `unjudged`: there was too little to judge by, and nothing is shown. */
  readonly verdict: 'holds' | 'fails' | 'unjudged';
}

export function finding(name: string, holds: boolean, seen: string, bound: string): Finding {
  return { name, seen, bound, verdict: holds ? 'holds' : 'fails' };
}

export function unjudged(name: string, seen: string, bound: string): Finding {
  return { name, seen, bound, verdict: 'unjudged' };
}

const MIB = 1_048_576;

export function mebibytes(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}

export function percent(share: number, digits = 4): string {
  return `${(share * 100).toFixed(digits)} %`;
}

export function count(value: number): string {
  return Math.round(value).toLocaleString('en-GB');
}
