import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import t from 'tap';

import { files, read, root } from './repository.ts';

const pages = files.filter((path) => path.endsWith('.md'));

/** The page without its code, in which brackets are not links. */
function prose(markdown: string): string {
  return markdown.replace(/^(```|~~~)[^]*?^\1/gm, '').replace(/`[^`\n]*`/g, '``');
}

/** The anchors a page's headings make, as GitHub makes them. */
function anchorsOf(markdown: string): Set<string> {
  const seen = new Map<string, number>();
  const anchors = new Set<string>();
  const withoutFences = markdown.replace(/^(```|~~~)[^]*?^\1/gm, '');
  for (const [, heading = ''] of withoutFences.matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)) {
    const slug = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-');
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    anchors.add(count === 0 ? slug : `${slug}-${String(count)}`);
  }
  for (const [, id = ''] of markdown.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(id);
  return anchors;
}

/** What is wrong with the relative links of a page. */
function brokenLinks(page: string, markdown: string): string[] {
  const targets = [
    ...prose(markdown).matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g),
    ...prose(markdown).matchAll(/^\[[^\]]+\]:\s+<?(\S+?)>?\s*$/gm),
  ].map(([, target = '']) => target);
  return targets.flatMap((target) => {
    if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return [];
    const [path = '', anchor] = decodeURI(target).split('#');
    const file = path === '' ? page : posix.normalize(posix.join(posix.dirname(page), path));
    if (file.startsWith('../') || (file !== page && !existsSync(root + file))) return [`${page}: ${target}`];
    if (anchor === undefined || !file.endsWith('.md')) return [];
    const text = file === page ? markdown : read(file);
    return anchorsOf(text).has(anchor) ? [] : [`${page}: ${target} (no such heading)`];
  });
}

await t.test('a broken link is found', (t) => {
  const page = [
    '# One *two*',
    '[a](absent.md) [b](LICENSE) [c](#one-two) [d](#three) `[e](code.md)`',
    '[f]: gone.md',
  ].join('\n');
  t.same(brokenLinks('page.md', page), [
    'page.md: absent.md',
    'page.md: #three (no such heading)',
    'page.md: gone.md',
  ]);
  t.end();
});

await t.test('no page has a broken relative link', (t) => {
  t.ok(pages.length > 0, 'there are pages to look at');
  t.same(pages.flatMap((page) => brokenLinks(page, read(page))), []);
  t.end();
});
