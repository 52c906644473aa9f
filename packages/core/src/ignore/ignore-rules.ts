import type { IgnoreRule, KubeObject } from '@plumb/api';
import { compileSelector } from '../select/object-selector.ts';

/** The pointers that hold for an object; one shared list for all objects the same rules hold for. */
export type IgnoredFields = (object: KubeObject) => readonly string[];

/** What is wrong with the rules, by field. */
export interface IgnoreFlaw {
  path: string;
  message: string;
}

const MOST_RULES = 100;
const MOST_PATHS = 1_000;
/** Every object that is applied is held against all of it. */
const MOST_CHARACTERS = 100_000;
const NONE: readonly string[] = [];

/**
 * Compiles spec.ignore (Flux 2.9), or the like in another field.
 * @returns what is wrong with it when it cannot be used
 */
export function compileIgnoreRules(rules: readonly IgnoreRule[], field = 'spec.ignore'): IgnoredFields | IgnoreFlaw[] {
  const size = sizeFlaw(rules);
  if (size !== null) return [{ path: field, message: size }];
  const flaws: IgnoreFlaw[] = [];
  const compiled = rules.map(({ paths, target = {} }, index) => {
    const selects = compileSelector(target);
    if (typeof selects === 'function') return { index, paths, selects };
    flaws.push({ path: `${field}[${index}].target.${selects.field}`, message: selects.message });
    return { index, paths, selects: () => false };
  });
  if (flaws.length > 0) return flaws;
  const lists = new Map<string, readonly string[]>([['', NONE]]);
  return (object) => {
    const holding = compiled.filter(({ selects }) => selects(object));
    const id = holding.map(({ index }) => index).join(' ');
    const list = lists.get(id) ?? [...new Set(holding.flatMap(({ paths }) => paths))].sort();
    lists.set(id, list);
    return list;
  };
}

function sizeFlaw(rules: readonly IgnoreRule[]): string | null {
  if (rules.length > MOST_RULES) return `must have at most ${MOST_RULES} rules`;
  const paths = rules.flatMap((rule) => rule.paths);
  if (paths.length > MOST_PATHS) return `must have at most ${MOST_PATHS} paths in all`;
  const characters = paths.reduce((sum, path) => sum + path.length, 0);
  return characters <= MOST_CHARACTERS ? null : `must have at most ${MOST_CHARACTERS} characters in all its paths`;
}
