import { parseArgs } from 'node:util';
import { Campaign } from './campaign.ts';
import { MINUTES_DEFAULT } from './bounds.ts';
import { replay } from './replay.ts';
import { isTargetName, TARGET_NAMES } from './targets.ts';

const HELP = `Searches for inputs that are dealt with wrongly.

  npm run fuzz                            every target in turn, ${MINUTES_DEFAULT} minute in all
  npm run fuzz -- --minutes 120           for two hours
  npm run fuzz -- --target decoder        one target; may be given more than once
  npm run fuzz -- --seed 7                the same choices again
  npm run fuzz -- --target decoder --replay FILE   one input, with what went wrong
  npm run fuzz -- --select                choose what the repository keeps of all that was found

Targets: ${TARGET_NAMES.join(', ')}

Exit code 0 when nothing was found, 1 when something was, 2 for a wrong call.
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: String(MINUTES_DEFAULT) },
      target: { type: 'string', multiple: true },
      seed: { type: 'string' },
      replay: { type: 'string' },
      select: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) throw new RangeError(`--minutes takes a number above 0, not ${values.minutes}`);
  const seed = values.seed === undefined ? Math.floor(Math.random() * 0x1_0000_0000) : Number(values.seed);
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffff_ffff) throw new RangeError(`--seed takes a whole number below 2^32, not ${String(values.seed)}`);
  const targets = (values.target ?? TARGET_NAMES).map((name) => {
    if (isTargetName(name)) return name;
    throw new RangeError(`there is no target ${name}; targets are ${TARGET_NAMES.join(', ')}`);
  });
  if (values.replay !== undefined) {
    const [target] = targets;
    if (target === undefined || targets.length > 1) throw new RangeError('--replay goes with one --target');
    return (await replay(target, values.replay)) ? 0 : 1;
  }
  const campaign = new Campaign(targets, seed, (line) => process.stdout.write(`${line}\n`));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      campaign.stop();
    });
  }
  if (values.select) {
    await campaign.select();
    return 0;
  }
  return (await campaign.run(minutes)) === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${HELP}`);
  process.exitCode = 2;
}
