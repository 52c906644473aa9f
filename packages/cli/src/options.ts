import type { Command } from 'commander';
import { longFlag } from './given.ts';
import { partsOf } from './lists.ts';

/** One option of a command: its flag, the environment variable that gives its default, its help, and how its text is read. */
export interface OptionSpec<Value> {
  /** As commander writes it: `--metrics-port <port>`, `-f, --file <file>`; `--no-x` is not used. */
  flag: string;
  env: string | null;
  help: string;
  fallback: Value;
  /** How the fallback is shown, where its value says little. */
  shown?: string;
  /** What several of one flag are joined by before they are read; a comma by default. */
  joint?: string;
  /** Reads the text given. @throws Error with what is expected */
  read: (text: string) => Value;
}

export function text(flag: string, env: string | null, help: string, fallback = ''): OptionSpec<string> {
  return { flag, env, help, fallback, read: (given) => given };
}

export function flag(name: string, env: string | null, help: string, fallback = false): OptionSpec<boolean> {
  const read = (given: string): boolean => {
    if (given === 'true' || given === '1' || given === '') return true;
    if (given === 'false' || given === '0') return false;
    throw new Error(`'${given}' is neither true nor false`);
  };
  return { flag: `${name} [true|false]`, env, help, fallback, read };
}

/** A list, with commas, or with the flag several times. One that is given names something: an empty one would choose everything. */
export function list(flagText: string, help: string): OptionSpec<readonly string[]> {
  const read = (given: string): string[] => {
    const parts = partsOf(given);
    if (parts.length === 0) throw new Error(`'${given}' names nothing`);
    return parts;
  };
  return { flag: flagText, env: null, help: `${help}; several with commas, or one flag each`, fallback: [], read };
}

/** No argument of a program can have it in it. */
const BETWEEN = '\0';

/** Texts in which commas mean what they mean, one flag each. */
export function texts(flagText: string, help: string): OptionSpec<readonly string[]> {
  const read = (given: string): string[] => given.split(BETWEEN);
  return { flag: flagText, env: null, help: `${help}; one flag each`, fallback: [], joint: BETWEEN, read };
}

/** One of a few words; the first is the fallback. */
export function choice<const Word extends string>(
  flagText: string,
  help: string,
  words: readonly [Word, ...Word[]],
): OptionSpec<Word> {
  const read = (given: string): Word => {
    const found = words.find((word) => word === given);
    if (found === undefined) throw new Error(`'${given}' is none of ${words.join(', ')}`);
    return found;
  };
  return { flag: flagText, env: null, help, fallback: words[0], read };
}

export function port(name: string, env: string | null, help: string, fallback: number): OptionSpec<number> {
  return { ...whole(`${name} <port>`, env, { help, fallback, from: 0, to: 65_535 }) };
}

export function whole(
  flagText: string,
  env: string | null,
  spec: { help: string; fallback: number; from: number; to: number },
): OptionSpec<number> {
  const { help, fallback, from, to } = spec;
  const read = (given: string): number => {
    const value = Number(given);
    if (given === '' || !Number.isInteger(value) || value < from || value > to) {
      throw new Error(`'${given}' is not a whole number from ${from} to ${to}`);
    }
    return value;
  };
  return { flag: flagText, env, help, fallback, read };
}

export type OptionTable = Readonly<
  Record<string, OptionSpec<string> | OptionSpec<boolean> | OptionSpec<number> | OptionSpec<readonly string[]>>
>;

export type OptionValues<Table extends OptionTable> = {
  [Name in keyof Table]: Table[Name] extends OptionSpec<infer Value> ? Value : never;
};

/** Lets a command take an option. Of a list none is dropped that is given, as the last of all others counts. */
export function addOption(command: Command, spec: OptionTable[string], help: string): void {
  const { joint = ',' } = spec;
  const collect = (given: string, before?: string): string =>
    before === undefined ? given : `${before}${joint}${given}`;
  if (typeof spec.fallback === 'object') command.option(spec.flag, help, collect);
  else command.option(spec.flag, help);
}

/** The values of a table: what was given on the command line, else by the environment, else the fallback. */
export function readOptions<Table extends OptionTable>(
  table: Table,
  given: Readonly<Record<string, unknown>>,
  environment: Readonly<Record<string, string | undefined>>,
): OptionValues<Table> {
  const entries = Object.entries(table).map(([name, spec]) => [name, valueOf(spec, given[name], environment)]);
  return Object.fromEntries(entries) as OptionValues<Table>;
}

function valueOf(
  spec: OptionTable[string],
  given: unknown,
  environment: Readonly<Record<string, string | undefined>>,
): string | number | boolean | readonly string[] {
  const set = spec.env === null ? undefined : environment[spec.env];
  const raw = given === undefined ? set : textOf(given);
  if (raw === undefined) return spec.fallback;
  const source = given === undefined ? `environment variable ${spec.env}` : longFlag(spec.flag);
  try {
    return spec.read(raw);
  } catch (error) {
    throw new Error(`${source}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** commander gives a bare flag as true. */
function textOf(given: unknown): string {
  return typeof given === 'string' ? given : '';
}
