import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { configPage } from '../../src/cli/config-page.ts';
import { ConfigError } from '../../src/config/config-error.ts';
import { formatListenAddress, parseListenAddress } from '../../src/config/listen-address.ts';
import { environmentName, fileName, flagName } from '../../src/config/names.ts';
import { nearestName } from '../../src/config/nearest-name.ts';
import { parseSettings, resolveConfig, showValue } from '../../src/config/resolve.ts';
import type { ConfigInput } from '../../src/config/resolve.ts';
import { DATA_FOLDER, SETTING_KEYS } from '../../src/config/settings.ts';
import { CONFIG_FILE_BYTES_MAX, SERVICES_MAX } from '../../src/limits.ts';

const folder = mkdtempSync(join(tmpdir(), 'omnigate-config-'));
t.teardown(() => {
  rmSync(folder, { recursive: true });
});

let files = 0;
function fileOf(content: unknown): string {
  const path = join(folder, `config-${++files}.json`);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const resolved = (input: Partial<ConfigInput> = {}) => resolveConfig({ flags: {}, env: {}, cwd: '/somewhere', ...input });

/** The problems of a configuration that must not be accepted. */
function problemsOf(input: Partial<ConfigInput>): readonly string[] {
  try {
    resolved(input);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  throw new Error('the configuration was accepted');
}

await t.test('the defaults', (t) => {
  const { settings, origins } = resolved();
  t.same(settings, {
    data: '/somewhere/.omnigate',
    oap: { host: '127.0.0.1', port: 6270 },
    oaps: 'off',
    admin: { host: '127.0.0.1', port: 6279 },
    services: [],
    logLevel: 'info',
    logFormat: 'auto',
    idleTimeoutMs: 120_000,
    maxConnections: 16_384,
    maxConnectionsPerAddress: 256,
    drainAcceptMs: 15_000,
    drainTimeoutMs: 25_000,
    compression: true,
    loadShedding: true,
    storageQuotaBytes: 17_179_869_184,
    storageQuotaBlobs: 1_048_576,
    storageGraceMs: 3_600_000,
    storageScrubBytesPerSecond: 8_388_608,
    mailboxBodyBytesMax: 262_144,
  });
  t.same(new Set(Object.values(origins)), new Set(['default']));
  t.ok(Object.isFrozen(settings));
  t.ok(Object.isFrozen(origins));
  t.end();
});

await t.test('flag over environment over file over default, setting by setting', (t) => {
  const file = fileOf({ oap: '127.0.0.1:3', admin: '127.0.0.1:3', log_level: 'warn', drain_accept_ms: 3 });
  const env = { OMNIGATE_OAP: '127.0.0.1:2', OMNIGATE_ADMIN: '127.0.0.1:2' };
  const { settings, origins } = resolved({ flags: { oap: '127.0.0.1:1' }, env, configFile: file });
  t.same(settings.oap, { host: '127.0.0.1', port: 1 });
  t.equal(origins.oap, 'flag --oap');
  t.same(settings.admin, { host: '127.0.0.1', port: 2 });
  t.equal(origins.admin, 'environment OMNIGATE_ADMIN');
  t.equal(settings.logLevel, 'warn');
  t.equal(origins.logLevel, `file ${file}`);
  t.equal(settings.drainAcceptMs, 3);
  t.equal(settings.idleTimeoutMs, 120_000);
  t.equal(origins.idleTimeoutMs, 'default');
  t.end();
});

await t.test('the file is named by flag or environment', (t) => {
  const [one, other] = [fileOf({ log_level: 'debug' }), fileOf({ log_level: 'error' })];
  t.equal(resolved({ env: { OMNIGATE_CONFIG: one } }).settings.logLevel, 'debug');
  t.equal(resolved({ env: { OMNIGATE_CONFIG: one }, configFile: other }).settings.logLevel, 'error');
  t.equal(resolved({ env: { OMNIGATE_CONFIG: 'config-1.json' }, cwd: folder }).settings.maxConnections, 16_384);
  t.equal(resolved({ env: { OMNIGATE_CONFIG: '', OMNIGATE_LOG_LEVEL: '' } }).settings.logLevel, 'info', 'empty is not set');
  t.end();
});

await t.test('relative paths start where they are written', (t) => {
  const configFile = fileOf({ data: 'data', oaps: '127.0.0.1:0', tls_cert: 'tls/cert.pem', services: ['./a.js', '/b.js'] });
  const { settings } = resolved({ configFile, flags: { tlsKey: 'key.pem' }, cwd: '/run' });
  t.equal(settings.data, join(folder, 'data'));
  t.equal(settings.tlsCert, join(folder, 'tls/cert.pem'));
  t.equal(settings.tlsKey, '/run/key.pem');
  t.same(settings.services, [join(folder, 'a.js'), '/b.js']);
  t.end();
});

await t.test('values of the environment are text', (t) => {
  const { settings } = resolved({
    env: {
      OMNIGATE_OAP: 'off',
      OMNIGATE_OAPS: '[::1]:6271',
      OMNIGATE_TLS_CERT: '/c',
      OMNIGATE_TLS_KEY: '/k',
      OMNIGATE_TLS_CLIENT_CA: '/a',
      OMNIGATE_SERVICES: '/one.js, /two.js',
      OMNIGATE_IDLE_TIMEOUT_MS: '5000',
      OMNIGATE_COMPRESSION: 'off',
    },
  });
  t.equal(settings.oap, 'off');
  t.same(settings.oaps, { host: '::1', port: 6271 });
  t.same(settings.services, ['/one.js', '/two.js']);
  t.equal(settings.idleTimeoutMs, 5_000);
  t.equal(settings.compression, false);
  t.end();
});

await t.test('names that are no settings', (t) => {
  const file = fileOf({ tls_crt: 'x', colour: 'red' });
  t.same(problemsOf({ env: { OMNIGATE_IDEL_TIMEOUT_MS: '1', HOME: '/x' }, configFile: file }), [
    'OMNIGATE_IDEL_TIMEOUT_MS is no setting; did you mean OMNIGATE_IDLE_TIMEOUT_MS?',
    `${file}: "tls_crt" is no setting; did you mean tls_cert?`,
    `${file}: "colour" is no setting; \`omnigate config\` shows all settings`,
  ]);
  t.match(problemsOf({ env: { OMNIGATE_CONFIGS: 'x' } }), ['OMNIGATE_CONFIGS is no setting; did you mean OMNIGATE_CONFIG?']);
  t.equal(nearestName('oapz', ['data', 'oaps']), 'oaps');
  t.equal(nearestName('nothing', ['oap', 'oaps', 'data']), undefined);
  t.end();
});

await t.test('values that no setting can have name the source and the fix', (t) => {
  const cases: [Partial<ConfigInput>, RegExp][] = [
    [{ flags: { oap: '6270' } }, /^--oap "6270" lacks a host; write HOST:PORT, such as .*, or off$/],
    [{ flags: { oap: '127.0.0.1' } }, /^--oap "127.0.0.1" lacks a port/],
    [{ flags: { oap: ':6270' } }, /lacks a host/],
    [{ flags: { oap: 'localhost:port' } }, /"port" in "localhost:port" is no port; use a number from 0 to 65535/],
    [{ flags: { oap: 'localhost:65536' } }, /is no port/],
    [{ flags: { oap: 'oap://127.0.0.1:6270' } }, /is a URL/],
    [{ flags: { oap: '::1' } }, /has no port; write HOST:PORT, such as 127.0.0.1:6270 or \[::1\]:6270/],
    [{ flags: { oap: 'fe80::g:1' } }, /needs brackets around its IPv6 address/],
    [{ flags: { oap: '[::g]:1' } }, /"::g" in .* is no IPv6 address/],
    [{ flags: { oap: 'a b:1' } }, /is no host name/],
    [{ env: { OMNIGATE_IDLE_TIMEOUT_MS: '2 minutes' } }, /^OMNIGATE_IDLE_TIMEOUT_MS is not a whole number from 1000 to 86400000$/],
    [{ env: { OMNIGATE_IDLE_TIMEOUT_MS: '999' } }, /is not a whole number/],
    [{ env: { OMNIGATE_IDLE_TIMEOUT_MS: '1e3' } }, /is not a whole number/],
    [{ env: { OMNIGATE_COMPRESSION: 'yes' } }, /^OMNIGATE_COMPRESSION is neither on nor off$/],
    [{ flags: { logLevel: 'loud' } }, /^--log-level is not one of trace, debug, info, warn, error, fatal, silent$/],
    [{ configFile: fileOf({ oap: 6270 }) }, /: oap is not text in quotes, or off$/],
    [{ configFile: fileOf({ oap: null }) }, /: oap /],
    [{ configFile: fileOf({ idle_timeout_ms: '5000' }) }, /: idle_timeout_ms is not a whole number/],
    [{ configFile: fileOf({ idle_timeout_ms: 1000.5 }) }, /: idle_timeout_ms is not a whole number/],
    [{ configFile: fileOf({ services: './a.js' }) }, /: services is not a list of module paths/],
    [{ flags: { services: Array.from({ length: SERVICES_MAX + 1 }, () => 'x') } }, /^--service has more than 64 entries$/],
    [{ flags: { data: '' } }, /^--data is empty; name a file or folder$/],
    [{ configFile: fileOf('{') }, /^cannot use the configuration file .*: it is not JSON$/],
    [{ configFile: fileOf('[]') }, /it is not one JSON object/],
    [{ configFile: fileOf('"x"') }, /it is not one JSON object/],
    [{ configFile: fileOf(' '.repeat(CONFIG_FILE_BYTES_MAX + 1)) }, /it is larger than 262144 bytes/],
    [{ configFile: '/nowhere/at/all.json' }, /ENOENT/],
    [{ configFile: folder }, /^cannot use the configuration file/],
  ];
  for (const [input, expected] of cases) {
    const problems = problemsOf(input);
    t.equal(problems.length, 1, problems.join('\n'));
    t.match(problems[0], expected);
  }
  t.equal(problemsOf({ flags: { oap: 'x', admin: 'y', logLevel: 'z' } }).length, 3, 'all problems at once');
  t.end();
});

await t.test('settings that contradict each other', (t) => {
  const tls = { oaps: '127.0.0.1:0', tlsCert: '/c', tlsKey: '/k' };
  const problems = (flags: Record<string, string>): readonly string[] => problemsOf({ flags });
  t.ok(resolved({ flags: tls }));
  t.match(problems({ oap: 'off' }), [/^--oap and --oaps are both off/]);
  t.match(problems({ oaps: '127.0.0.1:0' }), [
    '--oaps needs a certificate; set --tls-cert to its PEM file',
    '--oaps needs the private key of its certificate; set --tls-key to its PEM file',
  ]);
  t.match(problems({ oaps: '127.0.0.1:0', tlsCert: '/c' }), [/needs the private key of its certificate; set --tls-key/]);
  t.match(problems({ oaps: '127.0.0.1:0', tlsKey: '/k' }), [/needs a certificate; set --tls-cert/]);
  t.match(problems({ tlsClientCa: '/a' }), [/^--tls-client-ca is of no use without a TLS listener; set --oaps/]);
  t.match(problemsOf({ env: { OMNIGATE_TLS_CERT: '/c' } }), [/^OMNIGATE_TLS_CERT is of no use/]);
  t.match(problemsOf({ env: { OMNIGATE_DRAIN_ACCEPT_MS: '30000' } }), [
    'OMNIGATE_DRAIN_ACCEPT_MS (30000) is longer than OMNIGATE_DRAIN_TIMEOUT_MS (25000)',
  ]);
  t.end();
});

await t.test('a secret that was put where its file belongs is not repeated', (t) => {
  const pem = '-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n';
  const [problem = ''] = problemsOf({ env: { OMNIGATE_OAPS: '127.0.0.1:0', OMNIGATE_TLS_CERT: '/c', OMNIGATE_TLS_KEY: pem } });
  t.match(problem, /^OMNIGATE_TLS_KEY holds a text of several lines; name the file that contains it$/);
  const [unreadable = ''] = problemsOf({ configFile: fileOf(pem) });
  t.notMatch(unreadable, 'c2VjcmV0');
  t.notMatch(unreadable, 'PRIVATE');
  t.end();
});

await t.test('settings of an embedding program', (t) => {
  t.same(parseSettings({ oap: { host: '::1', port: 0 } }).oap, { host: '::1', port: 0 });
  t.throws(() => parseSettings({ oap: '1' }), { name: 'ConfigError', message: /^oap "1" lacks a host/ });
  t.throws(() => parseSettings({ oaps: '127.0.0.1:0' }), { message: /set tlsCert to its PEM file/ });
  t.throws(() => parseSettings({ oapp: '127.0.0.1:0' } as never), ConfigError);
  t.end();
});

await t.test('an address comes back as it was written', (t) => {
  const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
  fc.assert(
    fc.property(host, fc.integer({ min: 0, max: 65_535 }), (host, port) => {
      const text = formatListenAddress({ host, port });
      t.same(parseListenAddress(text), { host, port });
    }),
  );
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        parseListenAddress(text);
      } catch (error) {
        return (error as Error).message.length > 0;
      }
      return true;
    }),
  );
  t.end();
});

await t.test('omnigate config shows every setting with its origin', (t) => {
  const config = resolved({ flags: { oap: '[::1]:7000' }, env: { OMNIGATE_COMPRESSION: 'off' } });
  const json = JSON.parse(configPage(config, true)) as Record<string, unknown>;
  t.same(Object.keys(json), SETTING_KEYS.map(fileName));
  t.same(json['oap'], { value: '[::1]:7000', origin: 'flag --oap' });
  t.same(json['compression'], { value: false, origin: 'environment OMNIGATE_COMPRESSION' });
  t.same(json['oaps'], { value: 'off', origin: 'default' });
  t.same(json['tls_key'], { value: null, origin: 'default' });
  const text = configPage(config, false);
  t.match(text, /^oap +\[::1\]:7000 +flag --oap$/m);
  t.match(text, /^compression +off +environment OMNIGATE_COMPRESSION$/m);
  t.match(text, /^tls_key +- +default$/m);
  const again = fileOf(Object.fromEntries(Object.entries(json).flatMap(([name, entry]) => {
    const { value } = entry as { value: unknown };
    return value === null ? [] : [[name, value]];
  })));
  t.same(resolved({ configFile: again }).settings, config.settings, 'the values make a configuration file');
  t.end();
});

await t.test('one name in three spellings', (t) => {
  t.equal(fileName('tlsClientCa'), 'tls_client_ca');
  t.equal(environmentName('tlsClientCa'), 'OMNIGATE_TLS_CLIENT_CA');
  t.equal(flagName('tlsClientCa'), '--tls-client-ca');
  t.end();
});

await t.test('docs/CONFIGURATION.md has the names, flags and defaults of the code', (t) => {
  const page = readFileSync(new URL('../../../../docs/CONFIGURATION.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `([a-z_]+)` \| (?:`(--[a-z-]+)`)? ?\| (?:`([^`]*)`)? ?\|/gm)].map(([, ...cells]) => cells);
  const { settings } = resolved();
  const expected = SETTING_KEYS.map((key) => {
    const value = key === 'data' ? DATA_FOLDER : showValue(settings[key]);
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return [fileName(key), flagName(key), text === 'null' ? undefined : text];
  });
  t.same(rows, expected);
  const example = /^```json\n([^]*?)^```/m.exec(page)?.[1] ?? '';
  t.ok(resolved({ configFile: fileOf(example) }), 'its example is a configuration');
  t.end();
});
