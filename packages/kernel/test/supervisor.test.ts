import { decode } from '@msgpack/msgpack';
import { mock } from 'node:test';
import t from 'tap';
import { LocalBus } from '../src/bus.ts';
import { defineService } from '../src/define-service.ts';
import { RESTART_BACKOFF_MS, RESTART_BACKOFF_MS_MAX, RESTART_HEALTHY_MS, SERVICE_STEP_TIMEOUT_MS } from '../src/limits.ts';
import { createLogger } from '../src/logger.ts';
import { Metrics } from '../src/metrics.ts';
import type { Service, ServiceContext } from '../src/service.ts';
import { SERVICE_CRASHED_TOPIC, Supervisor } from '../src/supervisor.ts';
import { errorOf, rightError } from './fixtures/attack.ts';
import { lines } from './fixtures/lines.ts';
import { request, textOf } from './fixtures/frames.ts';
import { TestNode } from './fixtures/node.ts';
import { Peer } from './fixtures/peer.ts';
import { turn, until } from './fixtures/until.ts';

/** A service that writes down its life. */
class Life implements Service {
  readonly appProtoId: number;
  readonly name: string;
  readonly access = 'open';
  readonly diary: string[];
  readonly contexts: ServiceContext[] = [];
  onStart: (context: ServiceContext) => Promise<void> = async () => Promise.resolve();
  onStop: () => Promise<void> = async () => Promise.resolve();

  constructor(name: string, diary: string[] = [], appProtoId = 300) {
    this.appProtoId = appProtoId;
    this.name = name;
    this.diary = diary;
  }

  async start(context: ServiceContext): Promise<void> {
    this.diary.push(`start ${this.name}`);
    this.contexts.push(context);
    await this.onStart(context);
  }

  async stop(): Promise<void> {
    this.diary.push(`stop ${this.name}`);
    await this.onStop();
  }

  onRequest(): undefined {
    throw new Error('boom');
  }
}

interface Scene {
  readonly metrics: Metrics;
  readonly log: Record<string, unknown>[];
  readonly bus: LocalBus;
  readonly supervisor: Supervisor;
  /** What the bus told of crashes. */
  readonly crashes: unknown[];
  /** Moves timers and clock. */
  readonly pass: (ms: number) => Promise<void>;
}

async function scene(play: (scene: Scene) => Promise<void>): Promise<void> {
  // Mocked timers keep no process alive.
  const alive = setInterval(() => undefined, 1_000);
  const metrics = new Metrics();
  const log: Record<string, unknown>[] = [];
  const bus = new LocalBus(metrics, () => undefined);
  const crashes: unknown[] = [];
  bus.subscribe(SERVICE_CRASHED_TOPIC, (payload) => crashes.push(decode(payload)));
  let nowMs = 1_000;
  const clock = { now: () => nowMs };
  const supervisor = new Supervisor({ bus, metrics, clock, logger: createLogger({ destination: lines(log) }) });
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const pass = async (ms: number): Promise<void> => {
      nowMs += ms;
      mock.timers.tick(ms);
      await turn(3);
    };
    await play({ metrics, log, bus, supervisor, crashes, pass });
  } finally {
    mock.timers.reset();
    clearInterval(alive);
  }
}

void t.test('services start in order and stop in reverse', async (t) => {
  await scene(async ({ supervisor, bus }) => {
    const diary: string[] = [];
    for (const [n, name] of ['a', 'b', 'c'].entries()) await supervisor.start(new Life(name, diary, 300 + n));
    t.strictSame(supervisor.unavailable, []);
    t.ok(bus.route(301)?.available);
    await supervisor.stop();
    t.strictSame(diary, ['start a', 'start b', 'start c', 'stop c', 'stop b', 'stop a']);
    t.strictSame(supervisor.unavailable, ['a', 'b', 'c']);
    await supervisor.stop();
    t.equal(diary.length, 6, 'nothing stops twice');
  });
});

void t.test('a service that stops badly does not keep the others from stopping', async (t) => {
  await scene(async ({ supervisor, pass, log }) => {
    const diary: string[] = [];
    const [first, throwing, hanging] = ['first', 'throwing', 'hanging'].map((name, n) => new Life(name, diary, 300 + n)) as [Life, Life, Life];
    throwing.onStop = async () => Promise.reject(new Error('no'));
    hanging.onStop = async () => new Promise(() => undefined);
    for (const service of [first, throwing, hanging]) await supervisor.start(service);
    const stopped = supervisor.stop();
    await turn(3);
    t.strictSame(diary.slice(3), ['stop hanging']);
    await pass(SERVICE_STEP_TIMEOUT_MS);
    await stopped;
    t.strictSame(diary.slice(3), ['stop hanging', 'stop throwing', 'stop first']);
    t.equal(log.filter(({ msg }) => msg === 'service did not stop cleanly').length, 2);
  });
});

void t.test('the first start must work', async (t) => {
  await scene(async ({ supervisor, pass, metrics, bus }) => {
    const failing = new Life('failing');
    failing.onStart = async () => Promise.reject(new Error('no disk'));
    await t.rejects(supervisor.start(failing), /no disk/);
    t.equal(bus.route(300)?.available, false);
    await t.rejects(supervisor.start(new Life('same id')), /taken by service failing/);

    const hanging = new Life('hanging', [], 301);
    hanging.onStart = async () => new Promise(() => undefined);
    const hung = t.rejects(supervisor.start(hanging), /hanging did not start within 10000 ms/);
    await pass(SERVICE_STEP_TIMEOUT_MS);
    await hung;

    const regretting = new Life('regretting', [], 302);
    regretting.onStart = async (context) => {
      context.fail(new Error('second thoughts'));
      return Promise.resolve();
    };
    await t.rejects(supervisor.start(regretting), /second thoughts/);
    await pass(60_000);
    t.strictSame([failing, hanging, regretting].map(({ diary }) => diary.length), [1, 1, 1], 'none is tried again');
    t.equal(metrics.rejected.size, 0, 'and none is a crash');
    t.strictSame(supervisor.unavailable, ['failing', 'hanging', 'regretting']);
    for (const id of [0, -1, 65_536, 1.5, Number.NaN]) await t.rejects(supervisor.start(new Life('odd', [], id)), RangeError);
    await supervisor.stop();
  });
});

void t.test('a crashed service is started again, later each time', async (t) => {
  await scene(async ({ supervisor, pass, metrics, crashes, log, bus }) => {
    const life = new Life('life');
    await supervisor.start(life);
    const route = bus.route(300);
    if (route === undefined) throw new Error('no route');
    let pauseMs = RESTART_BACKOFF_MS;
    for (let crash = 1; crash <= 12; crash++) {
      supervisor.crashed(route, new Error(`crash ${crash}`));
      t.equal(route.available, false);
      t.strictSame(supervisor.unavailable, ['life']);
      await turn(3);
      await pass(pauseMs - 1);
      t.equal(life.contexts.length, crash, `not within ${pauseMs - 1} ms`);
      await pass(1);
      t.equal(life.contexts.length, crash + 1, `after ${pauseMs} ms`);
      t.equal(route.available, true);
      pauseMs = Math.min(pauseMs * 2, RESTART_BACKOFF_MS_MAX);
    }
    t.equal(pauseMs, RESTART_BACKOFF_MS_MAX);
    t.equal(metrics.rejected.get('service_crashed'), 12);
    t.strictSame(crashes, Array.from({ length: 12 }, () => ({ service: 'life', reason: 'handler_threw' })));
    const told = log.filter(({ event }) => event === 'ServiceCrashed');
    t.match(told[4], { level: 50, service: 'life', reason: 'handler_threw', err: { message: 'crash 5', stack: /supervisor/ } });
    t.strictSame(life.diary, ['start life', ...Array.from({ length: 12 }, () => ['stop life', 'start life']).flat()]);

    await pass(RESTART_HEALTHY_MS);
    supervisor.crashed(route, new Error('much later'));
    await turn(3);
    await pass(RESTART_BACKOFF_MS);
    t.equal(route.available, true, 'a healthy run is forgiven');
    await supervisor.stop();
  });
});

void t.test('crashes that follow from a crash are one', async (t) => {
  await scene(async ({ supervisor, pass, metrics, bus }) => {
    const life = new Life('life');
    const failOnStop = async (): Promise<void> => {
      life.contexts[0]?.fail(new Error('while it stops'));
      return Promise.resolve();
    };
    life.onStop = failOnStop;
    await supervisor.start(life);
    const route = bus.route(300);
    if (route === undefined) throw new Error('no route');
    life.contexts[0]?.fail(new Error('first'));
    life.contexts[0]?.fail(new Error('second'));
    supervisor.crashed(route, new Error('third'));
    await turn(3);
    await pass(RESTART_BACKOFF_MS);
    t.equal(route.available, true);
    life.contexts[0]?.fail(new Error('of a run that is over'));
    t.equal(route.available, true);
    t.equal(metrics.rejected.get('service_crashed'), 1);
    life.contexts[1]?.fail(new Error('of this one'));
    t.equal(route.available, false);
    t.equal(metrics.rejected.get('service_crashed'), 2);
    supervisor.crashed({ ...route }, new Error('of a service nobody knows'));
    t.equal(metrics.rejected.get('service_crashed'), 2);
    await supervisor.stop();
  });
});

void t.test('a restart that fails is tried again', async (t) => {
  await scene(async ({ supervisor, pass, crashes, bus }) => {
    const life = new Life('life');
    await supervisor.start(life);
    const plans: ((context: ServiceContext) => Promise<void>)[] = [
      async () => Promise.reject(new Error('not yet')),
      async (context) => {
        context.fail(new Error('neither'));
        return Promise.resolve();
      },
      async () => Promise.resolve(),
    ];
    life.onStart = async (context) => plans.shift()?.(context);
    life.contexts[0]?.fail(new Error('crash'));
    await turn(3);
    for (const ms of [100, 200, 400]) await pass(ms);
    t.equal(bus.route(300)?.available, true);
    t.strictSame(
      crashes.map((crash) => (crash as { reason: string }).reason),
      ['service_failed', 'start_failed', 'start_failed'],
    );
    // A crash in the very moment in which the start succeeds is not lost.
    life.onStart = async (context) => {
      const failSoon = async (): Promise<void> => {
        for (let n = 0; n < 5; n++) await Promise.resolve();
        context.fail(new Error('right behind the start'));
      };
      void failSoon();
      return Promise.resolve();
    };
    life.contexts.at(-1)?.fail(new Error('crash'));
    await turn(3);
    const starts = life.contexts.length;
    await pass(RESTART_BACKOFF_MS_MAX);
    t.equal(life.contexts.length, starts + 1);
    t.equal(bus.route(300)?.available, false);
    await pass(RESTART_BACKOFF_MS_MAX);
    t.equal(life.contexts.length, starts + 2, 'it is started again');
    await supervisor.stop();
  });
});

void t.test('stopping during a restart', async (t) => {
  await scene(async ({ supervisor, pass }) => {
    const diary: string[] = [];
    const [pausing, starting, running] = ['pausing', 'starting', 'running'].map((name, n) => new Life(name, diary, 300 + n)) as [Life, Life, Life];
    for (const service of [pausing, starting, running]) await supervisor.start(service);
    let go: () => void = () => undefined;
    starting.onStart = async () => new Promise((resolve) => (go = resolve));
    starting.contexts[0]?.fail(new Error('crash'));
    await turn(3);
    await pass(RESTART_BACKOFF_MS);
    pausing.contexts[0]?.fail(new Error('crash'));
    await turn(3);
    diary.length = 0;
    const stopped = supervisor.stop();
    await turn(3);
    t.strictSame(diary, ['stop running']);
    go();
    await stopped;
    t.strictSame(diary, ['stop running', 'stop starting'], 'what was just started is stopped, what was not is left');
    await pass(RESTART_BACKOFF_MS_MAX);
    running.contexts[0]?.fail(new Error('after the end'));
    await pass(RESTART_BACKOFF_MS_MAX);
    t.equal(diary.length, 2, 'nothing starts again');
  });
});

void t.test('callers of a crashed service are told to wait, others notice nothing', async (t) => {
  let calls = 0;
  const shaky = defineService({
    appProtoId: 300,
    name: 'shaky',
    access: 'open',
    operations: {
      0: async (call) => {
        calls++;
        if ((await call.text()) === 'crash') throw new Error('boom');
        return 'fine';
      },
    },
  });
  await using node = await TestNode.start({ services: [shaky] });
  await using peer = await Peer.open(node.address);
  peer.send(request(1, 'crash', { app: 300 }));
  t.strictSame(errorOf(await peer.take(1)), rightError('internal', { corr: 1, app: 300 }));
  peer.send(request(2, '', { app: 300 }), request(3, 'echo'));
  t.strictSame(errorOf(await peer.take(2)), rightError('service_unavailable', { corr: 2, app: 300 }));
  t.equal(textOf(await peer.take(3)), 'echo');
  t.equal(calls, 1);
  await until('the restart', () => node.bus.route(300)?.available === true);
  peer.send(request(4, '', { app: 300 }));
  t.equal(textOf(await peer.take(4)), 'fine');
  t.equal(node.metrics.glitches, 0);
  await node.calm(1);
});
