import { Argument } from 'commander';
import type { Command } from 'commander';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

const EXAMPLE = `
Example:
  $ source <(ronctl completion bash)
  $ ronctl completion fish > ~/.config/fish/completions/ronctl.fish
`;

/** A command as completion knows it. */
interface Completable {
  readonly name: string;
  readonly description: string;
  readonly options: readonly { readonly flag: string; readonly description: string }[];
}

/** `ronctl completion`: what a shell needs to complete commands and options. */
export function addCompletionCommand(program: Command): void {
  program
    .command('completion')
    .description('print a completion script for a shell')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .addHelpText('after', EXAMPLE)
    .action((shell: Shell) => {
      process.stdout.write(SCRIPTS[shell](program.commands.map(completable)));
    });
}

function completable(command: Command): Completable {
  const options = command.options.map(({ long, description }) => ({ flag: long ?? '', description }));
  return { name: command.name(), description: command.description(), options };
}

const words = (names: readonly string[]): string => names.join(' ');
const flagsOf = ({ options }: Completable): string => words(options.map(({ flag }) => flag));
const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`\'`)}'`;

const SCRIPTS: Readonly<Record<Shell, (commands: readonly Completable[]) => string>> = {
  bash: (commands) => `_ronctl() {
  local words="${words(commands.map(({ name }) => name))}"
  if ((COMP_CWORD > 1)); then
    case "\${COMP_WORDS[1]}" in
${commands.map((command) => `      ${command.name}) words="${command.name === 'completion' ? words(SHELLS) : flagsOf(command)}" ;;`).join('\n')}
      *) words="" ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _ronctl ronctl
`,
  zsh: (commands) => `#compdef ronctl
_ronctl() {
  if ((CURRENT == 2)); then
    compadd ${words(commands.map(({ name }) => name))}
    return
  fi
  case "\${words[2]}" in
${commands.map((command) => `    ${command.name}) compadd -- ${command.name === 'completion' ? words(SHELLS) : flagsOf(command)} ;;`).join('\n')}
  esac
}
compdef _ronctl ronctl
`,
  fish: (commands) =>
    commands
      .flatMap((command) => [
        `complete -c ronctl -n __fish_use_subcommand -f -a ${command.name} -d ${quoted(command.description)}`,
        ...(command.name === 'completion'
          ? [`complete -c ronctl -n '__fish_seen_subcommand_from completion' -f -a ${quoted(words(SHELLS))}`]
          : command.options.map(
              ({ flag, description }) =>
                `complete -c ronctl -n '__fish_seen_subcommand_from ${command.name}' -l ${flag.slice(2)} -d ${quoted(description)}`,
            )),
      ])
      .map((line) => `${line}\n`)
      .join(''),
};
