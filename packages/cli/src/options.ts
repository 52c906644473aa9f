import { longFlag } from './given.ts';

/** One option of a command: its flag, the environment variable that gives its default, its help, and how its text is read. */
export interface OptionSpec<Value> {
  /** As commander writes it: `--metrics-port <port>`, `-f, --file <file>`; `--no-x` is not used. */
  flag: string;
  env: string | null;
  help: string;
  fallback: Value;
  /** How the fallback is shown, where its value says little. */
  shown?: string;
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

export type OptionTable = Readonly<Record<string, OptionSpec<string> | OptionSpec<boolean> | OptionSpec<number>>>;

export type OptionValues<Table extends OptionTable> = {
  [Name in keyof Table]: Table[Name] extends OptionSpec<infer Value> ? Value : never;
};

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
): string | number | boolean {
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
