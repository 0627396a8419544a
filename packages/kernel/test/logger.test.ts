import t from 'tap';
import { createLogger, LOG_LEVELS } from '../src/logger.ts';
import type { LogLevel } from '../src/logger.ts';
import { lines } from './fixtures/lines.ts';

const SECRET = 'c2VjcmV0IGJ5dGVz';
const FIELDS = ['cap', 'capability', 'token', 'key', 'secret', 'payload', 'body', 'passphrase'];

void t.test('secrets never reach a line', (t) => {
  const kept: Record<string, unknown>[] = [];
  const logger = createLogger({ destination: lines(kept) });
  for (const field of FIELDS) {
    logger.info({ [field]: SECRET, peer: '192.0.2.1' }, 'flat');
    logger.info({ request: { [field]: SECRET, corr: '7' } }, 'nested');
    logger.child({ [field]: SECRET }).warn('bound to a child');
    logger.child({ frame: { [field]: Buffer.from(SECRET) } }).error({ [field]: { deeper: SECRET } }, 'all of it');
  }
  t.equal(kept.length, FIELDS.length * 4);
  t.notMatch(JSON.stringify(kept), new RegExp(SECRET));
  t.notMatch(JSON.stringify(kept), new RegExp(Buffer.from(SECRET).toJSON().data.join()));
  t.match(kept[0], { name: 'omnigate', level: 30, msg: 'flat', peer: '192.0.2.1', cap: '[secret]', time: /^\d{4}-\d\d-\d\dT/ });
  t.match(kept[1], { request: { corr: '7', cap: '[secret]' } }, 'the rest of a line stays');
  t.end();
});

void t.test('levels', (t) => {
  for (const level of LOG_LEVELS) {
    const kept: Record<string, unknown>[] = [];
    const logger = createLogger({ level, destination: lines(kept) });
    for (const each of LOG_LEVELS) if (each !== 'silent') logger[each]('x');
    t.equal(kept.length, level === 'silent' ? 0 : LOG_LEVELS.length - 1 - LOG_LEVELS.indexOf(level), level);
  }
  t.throws(() => createLogger({ level: 'loud' as LogLevel }));
  t.end();
});

void t.test('an error is logged with its stack and cause', (t) => {
  const kept: Record<string, unknown>[] = [];
  createLogger({ destination: lines(kept) }).error({ err: new Error('outer', { cause: new Error('inner') }) }, 'failed');
  t.match(kept[0], { err: { type: 'Error', message: /outer.*inner/, stack: /logger\.test/ } });
  t.end();
});
