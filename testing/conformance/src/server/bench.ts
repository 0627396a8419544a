import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { Case } from '../case.ts';
import { Deviation, Skip } from '../deviation.ts';
import type { Link } from '../link.ts';
import { Trace } from '../trace.ts';
import { CONTROL, describeFrame, Flag } from '../wire/frame.ts';
import { hello } from '../wire/frames.ts';
import type { More } from '../wire/frames.ts';
import type { Packable } from '../wire/messagepack.ts';
import type { HelloReply } from './hello-reply.ts';
import { readHelloReply } from './hello-reply.ts';
import { ServerLink } from './server-link.ts';
import type { Target } from './target.ts';
import { dial } from './target.ts';

export type ServerCase = Case<Bench>;

/** What a first look at the server told; what it cannot do is skipped, with the reason. */
export interface ServerFacts {
  /** Its HELLO reply, unless that was not what it must be. */
  readonly hello: HelloReply | undefined;
  /** Why echo cannot be used. */
  readonly noEcho: string | undefined;
  /** An application that needs a capability, where one was found. */
  readonly protectedApp: number | undefined;
}

/** What one case works with: connections to the server, and a trace of them. */
export class Bench implements Disposable {
  readonly trace = new Trace();
  readonly target: Target;
  readonly facts: ServerFacts | undefined;
  readonly patienceMs: number;
  readonly #links: Link[] = [];

  constructor(target: Target, facts: ServerFacts | undefined, patienceMs: number) {
    this.target = target;
    this.facts = facts;
    this.patienceMs = patienceMs;
  }

  /** A connection that has sent nothing. */
  async connect(tls: ConnectionOptions = {}): Promise<ServerLink> {
    return this.adopt(await dial(this.target, tls));
  }

  adopt(socket: Socket): ServerLink {
    const link = new ServerLink(socket, this.trace, this.patienceMs);
    this.#links.push(link);
    return link;
  }

  /** A connection whose HELLO was answered. */
  async greet(fields: Readonly<Record<string, Packable>> = {}, more: More = {}): Promise<ServerLink> {
    const link = await this.connect();
    link.send(hello(fields, more));
    await this.welcome(link, fields.supported_flags);
    return link;
  }

  /** Takes the answer to a HELLO whose corr_id was 1. */
  async welcome(link: ServerLink, offeredFlags?: Packable): Promise<HelloReply> {
    const frame = await link.take(1, 'a HELLO reply');
    if (frame.code !== 200 || frame.app !== CONTROL) throw new Deviation('a HELLO reply with status 200', describeFrame(frame), '4.3');
    link.hello = readHelloReply(frame.payload);
    link.frameBytesMax = link.hello.maxFrame;
    link.agreedFlags = link.hello.supportedFlags & (typeof offeredFlags === 'number' ? offeredFlags : 0xff & ~Flag.COMP);
    return link.hello;
  }

  /** Goes on only if the server has echo (§15.1). */
  needsEcho(): void {
    if (this.facts?.noEcho !== undefined) throw new Skip(this.facts.noEcho);
  }

  /** Goes on only if the server understands COMP and has echo. */
  needsCompression(): HelloReply {
    this.needsEcho();
    const reply = this.facts?.hello;
    if (reply === undefined || (reply.supportedFlags & Flag.COMP) === 0) throw new Skip('the server does not offer COMP');
    return reply;
  }

  /** Goes on only on a URL that begins with `oaps:`, or only on one that does not. */
  needsTls(wanted: boolean): void {
    if ((this.target.tls !== undefined) !== wanted) throw new Skip(wanted ? 'only for oaps:// URLs' : 'only for oap:// URLs');
  }

  [Symbol.dispose](): void {
    for (const link of this.#links) link[Symbol.dispose]();
  }
}
