import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { noneMatchHas } from './conditional.ts';
import { NO_BODY } from './http-answer.ts';
import type { HttpAnswer } from './http-answer.ts';

/** Everything a browser may ask for beside tiles, by path, and where it is. */
const FILES: Readonly<Record<string, string>> = {
  '/': page('index.html'),
  '/map.css': page('map.css'),
  '/map.js': page('map.js'),
  '/map-style.js': page('map-style.js'),
  '/panel.js': page('panel.js'),
  '/lib/maplibre-gl.css': library('maplibre-gl.css'),
  '/lib/maplibre-gl.mjs': library('maplibre-gl.mjs'),
  '/lib/maplibre-gl-worker.mjs': library('maplibre-gl-worker.mjs'),
};

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
};

/** The page and its library, read once; they are 1.7 MB. */
export class PageFiles {
  readonly #answers: ReadonlyMap<string, HttpAnswer>;

  private constructor(answers: ReadonlyMap<string, HttpAnswer>) {
    this.#answers = answers;
  }

  static async read(): Promise<PageFiles> {
    const answers = Object.entries(FILES).map(async ([path, file]): Promise<[string, HttpAnswer]> => {
      const body = await readFile(file);
      const headers = {
        'content-type': MEDIA_TYPES[extname(file)],
        etag: `"${createHash('sha256').update(body).digest('base64url')}"`,
        // A newer version of this program has a newer page under the same name.
        'cache-control': 'no-cache',
        ...(path === '/' ? { 'content-security-policy': policyOf(body.toString()) } : {}),
      };
      return [path, { status: 200, headers, body }];
    });
    return new PageFiles(new Map(await Promise.all(answers)));
  }

  answer(path: string, ifNoneMatch: string | undefined): HttpAnswer | undefined {
    const answer = this.#answers.get(path);
    if (answer === undefined || !noneMatchHas(ifNoneMatch, String(answer.headers['etag']))) return answer;
    return { status: 304, headers: answer.headers, body: NO_BODY };
  }
}

/** The browser itself sees to it that the page talks to nobody else; the one inline script is the import map. */
function policyOf(html: string): string {
  const [, importMap = ''] = /<script type="importmap">([^]*?)<\/script>/.exec(html) ?? [];
  const hash = createHash('sha256').update(importMap).digest('base64');
  return [
    "default-src 'none'",
    `script-src 'self' 'sha256-${hash}'`,
    "worker-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data: blob:",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

function page(name: string): string {
  return fileURLToPath(new URL(`../../page/${name}`, import.meta.url));
}

function library(name: string): string {
  return fileURLToPath(import.meta.resolve(`maplibre-gl/dist/${name}`));
}
