import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@omnigate/kernel';
import t from 'tap';
import { FileWatch } from '../src/file-watch.ts';

interface Entry {
  readonly event: string;
}

const NAMES = { what: 'certificate files', reloadedEvent: 'CertificateReloaded', refusedEvent: 'CertificateRefused' };

await t.test('renewed files are noticed, whatever way they are replaced', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'omnigate-watch-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const log: Entry[] = [];
  const logger = createLogger({ destination: { write: (line) => log.push(JSON.parse(line) as Entry) } });
  let reloads = 0;
  let broken = false;
  writeFileSync(cert, 'one');
  writeFileSync(join(folder, 'key-1'), 'one');
  symlinkSync('key-1', key);
  const watch = new FileWatch({
    ...NAMES,
    files: [cert, key],
    pollMs: 3_600_000,
    logger,
    reload: () => {
      if (broken) throw new Error('key and certificate do not match');
      reloads++;
    },
  });
  watch.check();
  t.equal(reloads, 0, 'nothing changed');
  writeFileSync(cert, 'two!');
  watch.check();
  watch.check();
  t.equal(reloads, 1, 'a rewritten file, once');
  writeFileSync(join(folder, 'new'), 'two!');
  renameSync(join(folder, 'new'), cert);
  watch.check();
  t.equal(reloads, 2, 'a file of the same size moved into place');
  writeFileSync(join(folder, 'key-2'), 'one');
  symlinkSync('key-2', join(folder, 'link'));
  renameSync(join(folder, 'link'), key);
  watch.check();
  t.equal(reloads, 3, 'a link that points elsewhere');

  broken = true;
  writeFileSync(cert, 'three');
  watch.check();
  watch.check();
  t.equal(log.filter(({ event }) => event === 'CertificateRefused').length, 1, 'said once');
  broken = false;
  watch.check();
  t.equal(reloads, 4, 'and tried again');
  rmSync(cert);
  broken = true;
  watch.check();
  t.equal(log.filter(({ event }) => event === 'CertificateRefused').length, 2, 'a file that is gone is another mistake');
  t.notOk(watch.reload());
  watch[Symbol.dispose]();

  broken = false;
  writeFileSync(cert, 'four');
  const polling = new FileWatch({ ...NAMES, files: [cert, key], pollMs: 5, logger, reload: () => reloads++ });
  writeFileSync(cert, 'fives');
  const before = reloads;
  for (let i = 0; i < 200 && reloads === before; i++) await new Promise((resolve) => setTimeout(resolve, 10));
  t.equal(reloads, before + 1, 'by itself');
  polling[Symbol.dispose]();
});
