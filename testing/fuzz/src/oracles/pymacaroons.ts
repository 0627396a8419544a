import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { PROGRAM_TIMEOUT_MS } from '../bounds.ts';

/** A macaroon as pymacaroons read it; bytes are hexadecimal. */
export interface PythonMacaroon {
  readonly location: string;
  readonly identifier: string;
  readonly caveats: readonly string[];
  readonly signature: string;
}

/** What pymacaroons made of some bytes: a macaroon, or the name of an exception. */
export type PythonAnswer = { readonly macaroon: PythonMacaroon } | { readonly refused: string };

/*
 * Debian's python3-pymacaroons belongs to the system's Python, which need not be
 * the first one on the path. A request is one line of hexadecimal, an answer one
 * line of JSON.
 */
const PYTHONS = ['/usr/bin/python3', 'python3'];
const SCRIPT = `
import json, sys
from pymacaroons.serializers.binary_serializer import BinarySerializer
reader = BinarySerializer()
for line in sys.stdin:
    try:
        macaroon = reader.deserialize_raw(bytes.fromhex(line))
        if any(caveat.verification_key_id for caveat in macaroon.caveats): raise ValueError("third party")
        answer = {"macaroon": {
            "location": bytes(macaroon.location or "", "utf-8").hex(),
            "identifier": bytes(macaroon.identifier_bytes).hex(),
            "caveats": [bytes(caveat.caveat_id_bytes).hex() for caveat in macaroon.caveats],
            "signature": macaroon.signature,
        }}
    except Exception as error:
        answer = {"refused": type(error).__name__ + ": " + str(error)}
    print(json.dumps(answer), flush=True)
`;

/** A Python that has pymacaroons, or why there is none. */
export function findPymacaroons(): { readonly python: string } | { readonly missing: string } {
  const python = PYTHONS.find((command) => spawnSync(command, ['-c', 'import pymacaroons']).status === 0);
  return python === undefined ? { missing: 'PYMACAROONS IS NOT HERE: nothing was compared with it; apt-get install python3-pymacaroons' } : { python };
}

/** pymacaroons in a process that is asked again and again. */
export class Pymacaroons {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #answers: AsyncIterator<string>;

  constructor(python: string) {
    this.#child = spawn(python, ['-W', 'ignore', '-c', SCRIPT], { stdio: ['pipe', 'pipe', 'ignore'] });
    // Said by the next answer, which does not come.
    this.#child.stdin.on('error', () => undefined);
    this.#answers = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  /** Has it read bytes. */
  async read(bytes: Uint8Array): Promise<PythonAnswer> {
    this.#child.stdin.write(`${Buffer.from(bytes).toString('hex')}\n`);
    const watchdog = setTimeout(() => this.#child.kill('SIGKILL'), PROGRAM_TIMEOUT_MS);
    const answer = await this.#answers.next();
    clearTimeout(watchdog);
    if (answer.done === true) throw new Error('pymacaroons ended');
    return JSON.parse(answer.value) as PythonAnswer;
  }

  close(): void {
    this.#child.stdin.end();
  }
}
