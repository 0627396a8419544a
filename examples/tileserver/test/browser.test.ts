import t from 'tap';
import { drawn, keepPicture, launch, NO_BROWSER, sharesOf } from './fixtures/browser.ts';
import { TileNode } from './fixtures/tile-node.ts';

/** As in page/map-style.js. */
const COLORS = { water: '#a8cfe3', sand: '#f4e8cc', green: '#e3ecd0', rose: '#f5dcc8' };

await t.test('a browser draws the map out of the store', { skip: NO_BROWSER ?? false }, async (t) => {
  await using node = await TileNode.start();
  await using server = await node.serve();
  const browser = await launch();
  try {
    const page = await browser.newPage({ viewport: { width: 860, height: 580 }, reducedMotion: 'reduce' });
    const trouble: string[] = [];
    const elsewhere: string[] = [];
    const tiles = new Map<string, number>();
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) trouble.push(message.text());
    });
    page.on('pageerror', (error) => trouble.push(String(error)));
    page.on('request', (request) => {
      if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(server.url)) elsewhere.push(request.url());
    });
    page.on('response', (response) => {
      const [, name] = /tiles\/\w+\/(.*)\.mvt$/.exec(response.url()) ?? [];
      if (name !== undefined) tiles.set(name, response.status());
    });
    const deepest = (): number => Math.max(...[...tiles.keys()].map((name) => Number(name.split('/')[0])));

    await page.goto(server.url);
    await drawn(page);
    const world = await keepPicture(page, 'world');
    t.comment(`see ${world.path}`);
    const shares = await sharesOf(browser, world.png, COLORS);
    t.ok((shares['water'] ?? 0) > 0.05, `water is ${String(shares['water'])} of the picture`);
    for (const tint of ['sand', 'green', 'rose']) t.ok((shares[tint] ?? 0) > 0.01, `land is ${String(shares[tint])} ${tint}`);
    t.ok(tiles.size >= 4, `${tiles.size} tiles were asked for`);
    const zoomBefore = deepest();

    await t.test('zooms', async (t) => {
      await page.click('.maplibregl-ctrl-zoom-in');
      await drawn(page);
      t.ok(deepest() > zoomBefore, `to tiles of zoom ${deepest()}`);
    });

    await t.test('pans', async (t) => {
      const before = tiles.size;
      await page.mouse.move(650, 450);
      await page.mouse.down();
      await page.mouse.move(350, 200, { steps: 2 });
      await page.mouse.up();
      await drawn(page);
      t.ok(tiles.size > before, `over ${tiles.size - before} more tiles`);
      const near = await keepPicture(page, 'near');
      t.comment(`see ${near.path}`);
      const { water = 0, ...land } = await sharesOf(browser, near.png, COLORS);
      t.ok(water > 0.02 && Object.values(land).some((share) => share > 0.05), `${water} is water`);
    });

    await t.test('says what the store did, and which blob is under the pointer', async (t) => {
      await page.waitForFunction("Number(document.getElementById('tiles').textContent) > 3");
      t.match(await page.textContent('#bytes'), /^[\d.]+ [kM]B$/);
      t.match(await page.textContent('#p99'), /^[\d.]+ ms$/);
      await page.mouse.move(500, 300);
      await page.waitForFunction("document.getElementById('blob').textContent !== ''");
      t.match(await page.textContent('#place'), /^[A-Z][^·]+ · tile/);
      const [, z, x, y] = /tile (\d+)\/(\d+)\/(\d+)$/.exec((await page.textContent('#place')) ?? '') ?? [];
      const entry = server.import.tileset.tile(Number(z), Number(x), Number(y));
      t.equal(await page.textContent('#blob'), entry?.id ?? 'open sea');
    });

    await t.test('asks for no tile twice', async (t) => {
      const served = async (): Promise<number> => ((await (await page.request.get(`${server.url}figures.json`)).json()) as { tiles: number }).tiles;
      const before = await served();
      await page.reload();
      await drawn(page);
      t.equal(await served(), before, 'after a reload all come out of its cache, for they are immutable');
      await page.waitForFunction("Number(document.getElementById('cached').textContent) > 0");
    });

    t.same([...new Set(tiles.values())].filter((status) => status !== 200 && status !== 204), []);
    t.same(trouble, [], 'nothing in the console');
    t.same(elsewhere, [], 'and nobody else was asked');
    t.same(node.errors, []);
  } finally {
    await browser.close();
  }
});
