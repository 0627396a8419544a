import { createInterface } from 'node:readline/promises';
import { BadAnswer } from './exit-code.ts';

/**
 * Goes on when a person at the terminal says yes.
 *
 * @throws BadAnswer when they do not
 * @throws Error when there is nobody to ask
 */
export async function confirm(question: string): Promise<void> {
  if (!process.stdin.isTTY) throw new Error('standard input is no terminal, so nobody can be asked; add --yes to go ahead');
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  // An input that ends answers nothing, and neither does Ctrl-C.
  const closed = new Promise<string>((resolve) => {
    lines.once('close', () => {
      resolve('');
    });
  });
  try {
    const answer = await Promise.race([lines.question(`${question} [y/N] `), closed]);
    if (!/^y(es)?$/i.test(answer.trim())) throw new BadAnswer('nothing was done');
  } finally {
    lines.close();
  }
}
