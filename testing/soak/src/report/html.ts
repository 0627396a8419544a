import type { Evidence } from '../judge/evidence.ts';
import type { Finding } from '../judge/finding.ts';
import type { Sample } from '../samples/sample.ts';
import { plotAsSvg } from './plot.ts';
import type { Plot } from './plot.ts';
import { detailsOf, loadLines, titleOf } from './text.ts';

const MIB = 1_048_576;

const STYLE = `
  :root { color-scheme: light dark; --line: #8886; --half: #8881; }
  body { font: 15px/1.45 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
  h1 { font-size: 1.3rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
  table { border-collapse: collapse; width: 100%; font-size: .9rem; }
  td, th { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
  .holds { color: #059669; } .fails { color: #dc2626; font-weight: bold; } .unjudged { color: #888; }
  .plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(30rem, 1fr)); gap: 1rem; }
  figure { margin: 0; } figcaption { font-size: .85rem; } svg { width: 100%; height: auto; }
  .grid { stroke: var(--line); stroke-width: .5; } .half { fill: var(--half); }
  .curve { fill: none; stroke-width: 1.3; stroke-linejoin: round; }
  text { font: 10px system-ui, sans-serif; fill: currentColor; opacity: .75; }
  .y { text-anchor: end; dominant-baseline: middle; } .x { text-anchor: middle; }
  li { overflow-wrap: anywhere; }
`;

/** Figures of a sample that have a plot of their own. */
const FIGURES: readonly { readonly title: string; readonly unit: string; readonly of: (sample: Sample) => number }[] = [
  { title: 'Resident memory', unit: 'MiB', of: ({ rssBytes }) => rssBytes / MIB },
  { title: 'JavaScript heap in use', unit: 'MiB', of: ({ heapBytes }) => heapBytes / MIB },
  { title: 'Open descriptors', unit: 'count', of: ({ descriptors: { sockets, files, others } }) => sockets + files + others },
  { title: 'Connections', unit: 'count', of: ({ connections }) => connections },
  { title: 'Event loop delay', unit: 'ms, 99th percentile', of: ({ loopDelayMs }) => loopDelayMs },
  { title: 'Files of the mailbox', unit: 'MiB', of: ({ folder }) => folder.mailbox / MIB },
  { title: 'Files of the storage', unit: 'MiB', of: ({ folder }) => folder.storage / MIB },
  { title: 'Audit log', unit: 'MiB', of: ({ folder }) => folder.audit / MIB },
];

/** The report as one page that loads nothing. */
export function reportAsHtml(evidence: Evidence, findings: readonly Finding[]): string {
  const rows = findings.map(({ name, seen, bound, verdict }) => `<tr><td class="${verdict}">${verdict}</td><td>${escape(name)}</td><td>${escape(seen)}</td><td>${escape(bound)}</td></tr>`);
  const plots = FIGURES.map(({ title, unit, of }): Plot => ({ title, unit, curves: evidence.nodes.map((node) => ({ name: node.name, points: node.samples.map((sample) => ({ at: sample.atMs, value: of(sample) })) })) }));
  const title = escape(titleOf(evidence, findings));
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>${STYLE}</style>
<h1>${title}</h1>
<table><tr><th></th><th>what</th><th>seen</th><th>bound</th></tr>${rows.join('\n')}</table>
<h2>Over time</h2>
<p>The second half, which is shaded, is what slopes are taken from.</p>
<div class="plots">${plots.map(plotAsSvg).join('\n')}</div>
<h2>Requests</h2>
<ul>${[...loadLines(evidence), ...detailsOf(evidence)].map((line) => `<li>${escape(line)}</li>`).join('\n')}</ul>
</html>
`;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
