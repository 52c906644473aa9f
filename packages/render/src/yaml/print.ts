import { dump } from 'js-yaml';

/**
 * Prints a value as YAML that every reader of YAML 1.1 and 1.2 takes for the same: texts that look like something else are quoted. Keys keep their
 * order, unless they are to be sorted.
 */
export function printYaml(value: unknown, { sortKeys = false }: { sortKeys?: boolean } = {}): string {
  const text = dump(withoutBigints(value), { lineWidth: -1, noRefs: true, sortKeys });
  return text.replaceAll(
    /'\u0000(-?\d+)\u0000'|"\\0(-?\d+)\\0"/g,
    (_all, plain?: string, escaped?: string) => plain ?? escaped ?? '',
  );
}

function withoutBigints(value: unknown): unknown {
  if (typeof value === 'bigint') return `\u0000${value}\u0000`;
  if (Array.isArray(value)) return value.map(withoutBigints);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutBigints(item)]));
}
