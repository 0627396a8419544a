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
const offered = ({ words, options }: Completable): string => joined([...words, ...options.map(({ flag }) => flag)]);
const isGroup = ({ path }: Completable, all: readonly Completable[]): boolean => all.some((other) => other.path.startsWith(`${path} `));
const topLevel = (commands: readonly Completable[]): readonly string[] => commands.flatMap(({ path }) => (path.includes(' ') ? [] : [path]));
const paths = (commands: readonly Completable[]): string => commands.map(({ path }) => `"${path}"`).join('|');
/** Options behind which a value comes, for which the shell offers files. */
const valued = (commands: readonly Completable[]): string =>
  [...new Set(commands.flatMap(({ options }) => options.filter(({ takesValue }) => takesValue).map(({ flag }) => flag)))].join('|');

/** In each shell: the words before the one at the cursor are followed down the groups, which gives the command. */
const SCRIPTS: Readonly<Record<Shell, (commands: readonly Completable[]) => string>> = {
  bash: (commands) => `_ronctl() {
  local command="" next words i
  for ((i = 1; i < COMP_CWORD; i++)); do
    next="\${command:+$command }\${COMP_WORDS[i]}"
    case "$next" in
      ${paths(commands)}) command="$next" ;;
      *) break ;;
    esac
  done
  case "$command" in
    "") words=""; ((COMP_CWORD > 1)) || words="${joined(topLevel(commands))}" ;;
${commands.map((command) => `    "${command.path}") words="${offered(command)}" ;;`).join('\n')}
  esac
  case "\${COMP_WORDS[COMP_CWORD - 1]}" in
    ${valued(commands)}) words="" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _ronctl ronctl
`,
  zsh: (commands) => `#compdef ronctl
_ronctl() {
  local command="" next
  local -i i
  for ((i = 2; i < CURRENT; i++)); do
    next="\${command:+$command }\${words[i]}"
    case "$next" in
      ${paths(commands)}) command="$next" ;;
      *) break ;;
    esac
  done
  case "\${words[CURRENT-1]}" in
    ${valued(commands)}) _files; return ;;
  esac
  case "$command" in
    "") ((CURRENT > 2)) || compadd ${joined(topLevel(commands))} ;;
${commands.map((command) => `    "${command.path}") compadd -- ${offered(command)} ;;`).join('\n')}
  esac
}
compdef _ronctl ronctl
`,
  fish: (commands) => `function __ronctl_at
  set -l command ""
  for word in (commandline -opc)[2..-1]
    set -l next (string trim "$command $word")
    if not contains -- "$next" ${paths(commands).replaceAll('|', ' ')}
      test -n "$command"; or set command "$next"
      break
    end
    set command "$next"
  end
  test "$command" = "$argv"
end
${commands.flatMap((command) => fishLines(command, commands)).join('\n')}
`,
};

function fishLines(command: Completable, commands: readonly Completable[]): string[] {
  const parts = command.path.split(' ');
  const name = parts.at(-1) ?? '';
  const at = (path: string): string => `complete -c ronctl -n ${quoted(`__ronctl_at ${path}`.trim())}`;
  const offer = `${at(joined(parts.slice(0, -1)))} -f -a ${name} -d ${quoted(command.description)}`;
  const choices = isGroup(command, commands) || command.words.length === 0 ? [] : [`${at(command.path)} -f -a ${quoted(joined(command.words))}`];
  const options = command.options.map(
    ({ flag, description, takesValue }) => `${at(command.path)} -l ${flag.slice(2)}${takesValue ? ' -r' : ''} -d ${quoted(description)}`,
  );
  return [offer, ...choices, ...options];
}
