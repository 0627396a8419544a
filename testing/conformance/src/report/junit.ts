import type { Outcome } from '../case.ts';
import { SECTION_TITLES } from '../sections.ts';

/** Outcomes as JUnit XML: a suite for each section. */
export function junitOf(outcomes: readonly Outcome[], name: string): string {
  const sections = [...new Set(outcomes.map(({ section }) => section))];
  const suites = sections.map((section) => {
    const within = outcomes.filter((outcome) => outcome.section === section);
    return [
      `  <testsuite name="${escape(`${section} ${SECTION_TITLES[section] ?? ''}`)}" ${countsOf(within)}>`,
      ...within.map((outcome) => testCase(outcome, section)),
      '  </testsuite>',
    ].join('\n');
  });
  return ['<?xml version="1.0" encoding="UTF-8"?>', `<testsuites name="${escape(name)}" ${countsOf(outcomes)}>`, ...suites, '</testsuites>', ''].join('\n');
}

function testCase({ id, title, verdict, message, expected, actual, durationMs, trace, rule, section }: Outcome, suite: string): string {
  const open = `    <testcase classname="oap-1.${escape(suite)}" name="${escape(`${id} ${title}`)}" time="${seconds(durationMs)}"`;
  if (verdict === 'passed') return `${open}/>`;
  if (verdict === 'skipped') return `${open}><skipped message="${escape(message ?? '')}"/></testcase>`;
  const summary = message ?? `expected ${expected ?? ''}, got ${actual ?? ''}`;
  const text = [`§${rule ?? section} of specs/oap-1.md`, ...trace].join('\n');
  return `${open}><failure message="${escape(summary)}">${escape(text)}</failure></testcase>`;
}

function countsOf(outcomes: readonly Outcome[]): string {
  const count = (wanted: Outcome['verdict']) => outcomes.filter(({ verdict }) => verdict === wanted).length;
  const total = outcomes.reduce((sum, { durationMs }) => sum + durationMs, 0);
  return `tests="${outcomes.length}" failures="${count('failed')}" errors="0" skipped="${count('skipped')}" time="${seconds(total)}"`;
}

function seconds(durationMs: number): string {
  return (durationMs / 1_000).toFixed(3);
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\n': '&#10;', '\r': '&#13;', '\t': '&#9;' };

/** Text of an attribute or an element; what XML 1.0 cannot hold becomes a replacement character. */
function escape(text: string): string {
  const allowed = text.replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd');
  return allowed.replace(/[&<>"\n\r\t]/g, (character) => ENTITIES[character] ?? character);
}
