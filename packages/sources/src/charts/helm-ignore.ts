import { userError } from '@plumb/api';
import { matchName } from '../tree/glob.ts';

interface Rule {
  /** Of a line that begins with `!`: what it does not match is left out. */
  negated: boolean;
  folderOnly: boolean;
  /** Pattern by pattern of the path; a single one that was written without a slash speaks of the last name alone. */
  names: readonly string[];
  ofName: boolean;
}

/**
 * What a chart's folder leaves out by its `.helmignore` (helm pkg/ignore): like a `.gitignore` at first sight, but the first rule that matches decides, what a
 * rule with `!` does not match is left out, and `**` is refused.
 */
export class HelmIgnore {
  readonly #rules: readonly Rule[];

  /**
   * @param text of the file; empty where there is none
   * @throws PlumbError `invalid-spec` with the line that cannot be read
   */
  constructor(text: string) {
    const lines = text.replace(/^\ufeff/, '').split('\n');
    this.#rules = [...lines, ALWAYS].flatMap((line, index) => ruleOf(line.trim(), index + 1) ?? []);
  }

  /** @param path from the chart's folder on, with `/` */
  leavesOut(path: string, isFolder: boolean): boolean {
    for (const rule of this.#rules) {
      if (rule.negated) {
        if ((rule.folderOnly && !isFolder) || !matches(rule, path)) return true;
      } else if ((!rule.folderOnly || isFolder) && matches(rule, path)) return true;
    }
    return false;
  }
}

const ALWAYS = 'templates/.?*';

function ruleOf(line: string, number: number): Rule | null {
  if (line === '' || line.startsWith('#')) return null;
  if (line.includes('**')) throw flaw(line, number, 'double-star (**) syntax is not supported');
  if (!isPattern(line)) throw flaw(line, number, 'syntax error in pattern');
  const negated = line.startsWith('!');
  const rest = negated ? line.slice(1) : line;
  const folderOnly = rest.endsWith('/');
  const pattern = folderOnly ? rest.slice(0, -1) : rest;
  const ofName = !pattern.includes('/');
  const path = pattern.startsWith('/') ? pattern.slice(1) : pattern;
  return { negated, folderOnly, ofName, names: path.split('/').map(asGlob) };
}

function flaw(line: string, number: number, why: string): Error {
  return userError('invalid-spec', `.helmignore:${number}: '${line.slice(0, 100)}': ${why}`);
}

function matches({ names, ofName }: Rule, path: string): boolean {
  const parts = path.split('/');
  const compared = ofName ? parts.slice(-1) : parts;
  return compared.length === names.length && names.every((glob, index) => matchName(glob, compared[index] ?? ''));
}

/** In Go's patterns only `^` turns a class around; our matcher takes `!` for it too. */
function asGlob(pattern: string): string {
  return pattern.replaceAll('[!', '[\\!');
}

/** Whether every bracket is closed, and every backslash stands before something (Go path/filepath, Match). */
function isPattern(pattern: string): boolean {
  return /^(?:[^\\[]|\\.|\[\^?(?:\\.|[^\\\]])+\])*$/s.test(pattern);
}
