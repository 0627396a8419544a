import type { Command } from 'commander';
import { addConnectionOptions, URL_ARGUMENT, withClient } from './connection-options.ts';
import type { ConnectionFlags } from './connection-options.ts';
import { printJson, printTable, round } from './output.ts';

const EXAMPLE = `
Example:
  $ ronctl hello oap://127.0.0.1:6270
  $ ronctl hello oaps://node.example:6271 --ca ca.pem --json
`;

/** `ronctl hello`: what a node says of itself. */
export function addHelloCommand(program: Command): void {
  const command = program
    .command('hello')
    .description('say HELLO and show what the node answers')
    .argument(...URL_ARGUMENT)
    .addHelpText('after', EXAMPLE);
  addConnectionOptions(command).action(hello);
}

async function hello(url: string | undefined, flags: ConnectionFlags): Promise<void> {
  const beganMs = performance.now();
  await withClient(url, flags, (client) => {
    const facts = { url: client.url, connect_ms: round(performance.now() - beganMs), ...client.hello };
    if (flags.json === true) printJson(facts);
    else printTable(facts);
  });
}
