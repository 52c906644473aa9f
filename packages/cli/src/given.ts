/**
 * What was given for a flag. commander keeps `--data-dir` under `dataDir`, and `--no-x` under `x`, where true says that it was not given and
 * false that it was, without a value.
 */
export function givenAs(flag: string, given: Readonly<Record<string, unknown>>): unknown {
  const words = longFlag(flag).replace(/^--/, '').split('-');
  if (words[0] !== 'no') return given[camelCase(words)];
  const value = given[camelCase(words.slice(1))];
  return typeof value === 'boolean' ? !value || undefined : value;
}

function camelCase(words: readonly string[]): string {
  return words.map((word, index) => (index === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1))).join('');
}

/** `--helmrelease-file` of `-f, --helmrelease-file <file>`. */
export function longFlag(flag: string): string {
  return /--[\w-]+/.exec(flag)?.[0] ?? flag;
}
