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
  /** Its name behind that of its group, such as `cap mint`. */
  readonly path: string;
  readonly description: string;
  /** Commands of a group, or what its argument may be. */
  readonly words: readonly string[];
  readonly options: readonly { readonly flag: string; readonly description: string; readonly takesValue: boolean }[];
}

/** `ronctl completion`: what a shell needs to complete commands and options. */
export function addCompletionCommand(program: Command): void {
  program
    .command('completion')
    .description('print a completion script for a shell')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .addHelpText('after', EXAMPLE)
    .action((shell: Shell) => {
      process.stdout.write(SCRIPTS[shell](program.commands.flatMap((command) => completables(command, ''))));
    });
}

/** A command and those in its group. */
function completables(command: Command, group: string): Completable[] {
  const path = `${group}${command.name()}`;
  const options = command.options.map(({ long, description, required }) => ({ flag: long ?? '', description, takesValue: required }));
  const choices = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
  const own = { path, description: command.description(), words: [...command.commands.map((child) => child.name()), ...choices], options };
  return [own, ...command.commands.flatMap((child) => completables(child, `${path} `))];
}

const joined = (names: readonly string[]): string => names.join(' ');
const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`\'`)}'`;
const isGroup = ({ path }: Completable, all: readonly Completable[]): boolean => all.some((other) => other.path.startsWith(`${path} `));
const isInGroup = ({ path }: Completable): boolean => path.includes(' ');
const offered = ({ words, options }: Completable): string => joined([...words, ...options.map(({ flag }) => flag)]);
const topLevel = (commands: readonly Completable[]): string => joined(commands.filter((command) => !isInGroup(command)).map(({ path }) => path));
const groups = (commands: readonly Completable[]): string => commands.filter((command) => isGroup(command, commands)).map(({ path }) => path).join(' | ');
/** Options behind which a value comes, for which the shell offers files. */
const valued = (commands: readonly Completable[]): string =>
  [...new Set(commands.flatMap(({ options }) => options.filter(({ takesValue }) => takesValue).map(({ flag }) => flag)))].join(' | ');

const SCRIPTS: Readonly<Record<Shell, (commands: readonly Completable[]) => string>> = {
  bash: (commands) => `_ronctl() {
  local words="${topLevel(commands)}"
  if ((COMP_CWORD > 1)); then
    local command="\${COMP_WORDS[1]}"
    if ((COMP_CWORD > 2)); then
      case "$command" in
        ${groups(commands)}) command="$command \${COMP_WORDS[2]}" ;;
      esac
    fi
    case "$command" in
${commands.map((command) => `      "${command.path}") words="${offered(command)}" ;;`).join('\n')}
      *) words="" ;;
    esac
    case "\${COMP_WORDS[COMP_CWORD - 1]}" in
      ${valued(commands)}) words="" ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _ronctl ronctl
`,
  zsh: (commands) => `#compdef ronctl
_ronctl() {
  if ((CURRENT == 2)); then
    compadd ${topLevel(commands)}
    return
  fi
  local command="\${words[2]}"
  if ((CURRENT > 3)); then
    case "$command" in
      ${groups(commands).replaceAll(' | ', '|')}) command="$command \${words[3]}" ;;
    esac
  fi
  case "\${words[CURRENT-1]}" in
    ${valued(commands).replaceAll(' | ', '|')}) _files; return ;;
  esac
  case "$command" in
${commands.map((command) => `    "${command.path}") compadd -- ${offered(command)} ;;`).join('\n')}
  esac
}
compdef _ronctl ronctl
`,
  fish: (commands) => commands.flatMap((command) => fishLines(command, commands)).map((line) => `${line}\n`).join(''),
};

function fishLines(command: Completable, commands: readonly Completable[]): string[] {
  const [first = '', second] = command.path.split(' ');
  const complete = `complete -c ronctl -n`;
  const inGroup = commands.find(({ path }) => path === first)?.words ?? [];
  const offer =
    second === undefined
      ? `${complete} __fish_use_subcommand -f -a ${first} -d ${quoted(command.description)}`
      : `${complete} '__fish_seen_subcommand_from ${first}; and not __fish_seen_subcommand_from ${joined(inGroup)}' -f -a ${second} -d ${quoted(command.description)}`;
  const when = `'__fish_seen_subcommand_from ${first}${second === undefined ? '' : `; and __fish_seen_subcommand_from ${second}`}'`;
  const choices = isGroup(command, commands) || command.words.length === 0 ? [] : [`${complete} ${when} -f -a ${quoted(joined(command.words))}`];
  const options = command.options.map(
    ({ flag, description, takesValue }) => `${complete} ${when} -l ${flag.slice(2)}${takesValue ? ' -r' : ''} -d ${quoted(description)}`,
  );
  return [offer, ...choices, ...options];
}
