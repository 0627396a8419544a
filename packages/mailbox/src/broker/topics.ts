import { decode, encode } from '@msgpack/msgpack';
import { OapError } from '@omnigate/kernel/wire';
import { readU32Key, readU48Key, u32Key, u48Key } from '../codec/binary.ts';
import { TENANT_TOPICS_MAX, TOPICS_MAX, WINDOWS_MAX } from '../limits.ts';
import { MailboxReject } from '../rejects.ts';
import { SortedKeys } from '../store/sorted-keys.ts';
import type { Store } from '../store/store.ts';
import { HandyMemory, ReadyWindow } from './ready-window.ts';
import { behind, COUNTER_NAMES, settingsFrom, Table, Topic, TOPIC_DEFAULTS, topicPath } from './topic.ts';
import type { Counters, TenantUse, TopicDefaults, TopicSettings } from './topic.ts';

const TENANT_BYTES = 16;

/** What stands under the name of a topic. */
interface NameRecord {
  readonly number: number;
  readonly settings: TopicSettings;
}

/** All topics of the node, and when each has to be looked at next. */
export class Topics {
  readonly #store: Store;
  readonly #byPath = new Map<string, Topic>();
  readonly #byNumber = new Map<number, Topic>();
  readonly #uses = new Map<string, TenantUse>();
  readonly #defaults = new Map<string, TopicDefaults>();
  /** Time and number of each topic that has something due. */
  readonly #alarms = new SortedKeys();
  readonly #windows = new Set<Topic>();
  readonly #memory = new HandyMemory();
  #touched: Topic[] = [];
  /** The counts of all topics as they were summed last, and those that changed since. */
  readonly #sum = Object.fromEntries(COUNTER_NAMES.map((name) => [name, 0])) as Counters;
  readonly #unsummed = new Set<Topic>();
  #lastFound: Topic | undefined;
  #nextNumber = 1;

  /** Reads all topics; their messages stay where they are. */
  constructor(store: Store) {
    this.#store = store;
    for (const { key, value } of this.#all(Table.DEFAULTS)) {
      this.#defaults.set(key.slice(1), decode(value) as TopicDefaults);
    }
    for (const { key, value } of this.#all(Table.NAMES)) {
      const { number, settings } = decode(value) as NameRecord;
      const name = Buffer.from(key.slice(1 + TENANT_BYTES), 'latin1').toString();
      this.#add(number, key.slice(1, 1 + TENANT_BYTES), name, settings);
    }
    for (const topic of this.#byNumber.values()) this.resetAlarm(topic);
  }

  /** Topics in all. */
  get size(): number {
    return this.#byPath.size;
  }

  /** The counts of all topics together. */
  sum(): Counters {
    const sum = this.#sum;
    for (const topic of this.#unsummed) {
      const { counters, summed } = topic;
      for (const name of COUNTER_NAMES) sum[name] += counters[name] - (summed?.[name] ?? 0);
      topic.summed = { ...counters };
    }
    this.#unsummed.clear();
    return { ...sum };
  }

  find(tenant: string, name: string): Topic | undefined {
    const last = this.#lastFound;
    // Most calls name the topic of the one before, and topics do not go.
    if (last?.name === name && last.tenant === tenant) return last;
    const topic = this.#byPath.get(topicPath(tenant, name));
    if (topic !== undefined) this.#lastFound = topic;
    return topic;
  }

  /** @throws OapError topic_unknown */
  known(tenant: string, name: string): Topic {
    const topic = this.find(tenant, name);
    if (topic === undefined) throw new OapError(MailboxReject.topic_unknown, { message: `There is no topic ${name}.` });
    return topic;
  }

  /**
   * The topic for a SEND, made where that is allowed.
   *
   * @throws OapError topic_unknown, mailbox_quota
   */
  forSend(tenant: string, name: string): Topic {
    const topic = this.find(tenant, name);
    if (topic !== undefined) return topic;
    if (!this.mayCreate(tenant)) return this.known(tenant, name);
    return this.create(tenant, name);
  }

  mayCreate(tenant: string): boolean {
    return this.defaults(tenant).create;
  }

  /** @throws OapError mailbox_quota */
  create(tenant: string, name: string): Topic {
    const use = this.use(tenant);
    if (use.topics >= TENANT_TOPICS_MAX || this.size >= TOPICS_MAX) {
      const message = `The tenant has ${use.topics} topics, and the node ${this.size}.`;
      throw new OapError(MailboxReject.mailbox_quota, { message, detail: { limit: 'topics' } });
    }
    return this.#create(tenant, name, settingsFrom(this.defaults(tenant), name));
  }

  /** The topic where dead letters of a tenant go; it is made without regard to quotas, since they must go somewhere. */
  forDeadLetters(tenant: string, name: string): Topic {
    const settings = { ...settingsFrom(this.defaults(tenant), name), max_deliveries: 0, dlq: null };
    return this.find(tenant, name) ?? this.#create(tenant, name, settings);
  }

  configure(topic: Topic, settings: TopicSettings): void {
    topic.settings = settings;
    this.#writeName(topic);
  }

  defaults(tenant: string): TopicDefaults {
    return this.#defaults.get(tenant) ?? TOPIC_DEFAULTS;
  }

  setDefaults(tenant: string, defaults: TopicDefaults): void {
    this.#defaults.set(tenant, defaults);
    this.#store.put(Table.DEFAULTS + tenant, encode(defaults));
  }

  /** What counts for the quota of a tenant. */
  use(tenant: string): TenantUse {
    return this.#uses.get(tenant) ?? { topics: 0, messages: 0, bytes: 0 };
  }

  /** The topics of a tenant in the order of their names, from the one behind `after`. */
  page(tenant: string, after: string, limit: number): Topic[] {
    const prefix = Table.NAMES + tenant;
    const from = after === '' ? prefix : `${prefix}${Buffer.from(after).toString('latin1')}\0`;
    const entries = this.#store.range(from, behind(prefix), limit);
    return entries.map(({ key }) => this.#byPath.get(key.slice(1)) as Topic);
  }

  /** The counts or the newest id of a topic changed: they are written with the commit. */
  touch(topic: Topic): void {
    if (topic.touched) return;
    topic.touched = true;
    this.#touched.push(topic);
  }

  /** Writes what changed of the topics. */
  flush(): void {
    for (const topic of this.#touched) {
      topic.touched = false;
      this.#unsummed.add(topic);
      this.#store.put(topic.stateKey, topic.encodeState());
    }
    this.#touched = [];
  }

  /** The ready messages at hand of a topic, looked for where they are not. */
  window(topic: Topic): ReadyWindow {
    if (topic.window === undefined || topic.window.exhausted) {
      const { readyPrefix } = topic;
      topic.window = ReadyWindow.fill(this.#memory, this.#store, topic.window?.resumeAt ?? readyPrefix, behind(readyPrefix));
      this.#windows.delete(topic);
      this.#windows.add(topic);
      if (this.#windows.size > WINDOWS_MAX) this.#dropWindow();
    }
    return topic.window;
  }

  // What is due

  /** Sees to it that a topic is looked at then. */
  alarm(topic: Topic, dueMs: number): void {
    if (dueMs < topic.alarmMs) this.#setAlarm(topic, dueMs);
  }

  /** Sets the alarm of a topic to the first thing that is due in it, but not before `earliestMs`. */
  resetAlarm(topic: Topic, earliestMs = 0): void {
    const prefixes = [topic.leasedPrefix, topic.delayedPrefix, topic.timerPrefix];
    const firsts = prefixes.flatMap((prefix) => this.#store.range(prefix + u48Key(topic.doneUntilMs + 1), behind(prefix), 1));
    // The table and the number of the topic come before the time.
    this.#setAlarm(topic, Math.max(earliestMs, Math.min(...firsts.map(({ key }) => readU48Key(key, 5)))));
  }

  /** When the first topic has to be looked at; infinite when none. */
  get nextAlarmMs(): number {
    const first = this.#alarms.first;
    return first === undefined ? Number.POSITIVE_INFINITY : (this.#byNumber.get(readU32Key(first, 6)) as Topic).alarmMs;
  }

  /** The topic that has to be looked at first, when that is now. */
  nextDue(nowMs: number): Topic | undefined {
    const first = this.#alarms.first;
    if (first === undefined) return undefined;
    const topic = this.#byNumber.get(readU32Key(first, 6)) as Topic;
    return topic.alarmMs <= nowMs ? topic : undefined;
  }

  #setAlarm(topic: Topic, dueMs: number): void {
    if (Number.isFinite(topic.alarmMs)) this.#alarms.delete(u48Key(topic.alarmMs) + u32Key(topic.number));
    topic.alarmMs = dueMs;
    if (Number.isFinite(dueMs)) this.#alarms.add(u48Key(dueMs) + u32Key(topic.number));
  }

  #create(tenant: string, name: string, settings: TopicSettings): Topic {
    const topic = this.#add(this.#nextNumber, tenant, name, settings);
    topic.window = ReadyWindow.empty(this.#memory, topic.readyPrefix);
    this.#windows.add(topic);
    this.#writeName(topic);
    this.touch(topic);
    return topic;
  }

  #add(number: number, tenant: string, name: string, settings: TopicSettings): Topic {
    let use = this.#uses.get(tenant);
    if (use === undefined) {
      use = { topics: 0, messages: 0, bytes: 0 };
      this.#uses.set(tenant, use);
    }
    const topic = new Topic(number, tenant, name, use, settings, this.#store.get(Table.STATE + u32Key(number)));
    use.topics++;
    use.messages += topic.messages;
    use.bytes += topic.counters.bytes;
    this.#byPath.set(topic.path, topic);
    this.#byNumber.set(number, topic);
    this.#unsummed.add(topic);
    this.#nextNumber = Math.max(this.#nextNumber, number + 1);
    return topic;
  }

  #writeName(topic: Topic): void {
    const record: NameRecord = { number: topic.number, settings: topic.settings };
    this.#store.put(Table.NAMES + topic.path, encode(record));
  }

  #dropWindow(): void {
    const [oldest] = this.#windows;
    if (oldest === undefined) return;
    this.#windows.delete(oldest);
    oldest.window?.drop();
    oldest.window = undefined;
  }

  *#all(prefix: string): Generator<{ key: string; value: Uint8Array }, undefined> {
    const below = behind(prefix);
    let from = prefix;
    for (;;) {
      const page = this.#store.range(from, below, 1_024);
      yield* page;
      const last = page.at(-1);
      if (last === undefined) return undefined;
      from = `${last.key}\0`;
    }
  }
}
