import { Command as Program, CommanderError } from 'commander';
import { commands } from './commands.ts';
import type { Command } from './commands.ts';
import type { Context } from './context.ts';
import { givenAs } from './given.ts';
import { addOption, readOptions } from './options.ts';
import type { OptionTable } from './options.ts';
import { endOf } from './terminal/visible.ts';

const USAGE = 2;
/** First words that have several commands behind them. */
const GROUPS: Readonly<Record<string, string>> = {
  build: 'print what a unit declares',
  diff: 'show what a unit would change',
  change: 'what gates hold: see it, approve it, reject it',
  policy: 'what policies say of a change before it is one in a cluster',
  lockdown: 'stop changes at once, and let them go on',
};

/** Runs the command the arguments name. @returns the exit code: 2 when the arguments are wrong */
export async function runProgram(args: readonly string[], context: Context): Promise<number> {
  if (args[0] === 'kubectl') {
    const { runKubectl } = await import('./commands/kubectl.ts');
    return runKubectl(args.slice(1), context);
  }
  let exitCode = 0;
  const program = new Program('plumb').description('Keeps a cluster true to Git.').exitOverride();
  program.configureOutput({
    writeOut: (text) => void context.stdout.write(text),
    writeErr: (text) => void context.stderr.write(text),
  });
  program
    .command('kubectl')
    .summary("the kubectl of the sandbox: every word behind it is kubectl's")
    .allowUnknownOption();
  const groups = new Map<string, Program>();
  const groupOf = (word: string): Program => {
    const known =
      groups.get(word) ??
      program
        .command(word)
        .summary(GROUPS[word] ?? '')
        .exitOverride();
    groups.set(word, known);
    return known;
  };
  for (const command of commands) {
    const words = command.name.split(' ');
    const chosen = words.every((word, index) => args[index] === word);
    const parent = words.length === 1 ? program : groupOf(words[0] ?? '');
    await addCommand(parent, command, { chosen, context, end: (code) => (exitCode = code) });
  }
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
    context.stderr.write(endOf(error));
    return 1;
  }
}

/** Only the chosen command is loaded: the help of all needs no more than their summaries. */
async function addCommand(
  program: Program,
  { name, argument, summary, load }: Command,
  { chosen, context, end }: { chosen: boolean; context: Context; end: (code: number) => void },
): Promise<void> {
  const word = name.split(' ').at(-1) ?? '';
  const sub = program.command(word).summary(summary).description(summary).exitOverride();
  if (argument !== undefined) sub.argument(argument);
  if (!chosen) return;
  const { options, run } = await load();
  for (const spec of Object.values(options)) addOption(sub, spec, helpOf(spec));
  sub.action(async () => {
    const given = sub.opts<Record<string, unknown>>();
    const named = Object.fromEntries(Object.entries(options).map(([name, { flag }]) => [name, givenAs(flag, given)]));
    end(await run(readOptions(options, named, context.environment) as never, context, sub.args));
  });
}

function helpOf(spec: OptionTable[string]): string {
  const env = spec.env === null ? '' : `, or ${spec.env}`;
  const value = String(spec.fallback);
  const fallback = value === '' || value === 'false' ? '' : ` (default ${value}${env})`;
  return `${spec.help}${fallback === '' && env !== '' ? ` (${env.slice(5)})` : fallback}`;
}
