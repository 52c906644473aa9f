import { describe, expect, test } from 'vitest';
import { HelmIgnore } from './helm-ignore.ts';

describe('.helmignore', () => {
  test.each([
    ['*.bak', 'a.bak', 'charts/db/a.bak', 'notes/.bak'],
    ['notes/', 'notes/', 'charts/notes/'],
    ['/notes', 'notes', 'notes/'],
    ['docs/*.md', 'docs/a.md'],
    ['a?c', 'abc', 'x/abc'],
    ['[ab].yaml', 'a.yaml'],
    ['[^a].yaml', 'b.yaml'],
    ['[!a].yaml', '!.yaml', 'a.yaml'],
    ['\\*.yaml', '*.yaml'],
    ['', 'templates/.hidden.yaml', 'templates/.git/'],
    ['\ufeff  spaced  ', 'spaced'],
  ])('%j leaves out', (text, ...paths) => {
    expect(paths.filter((path) => !isOut(text, path))).toEqual([]);
  });

  test.each([
    ['# a.yaml', 'a.yaml', '# a.yaml'],
    ['*.bak', 'a.bak.yaml'],
    ['notes/', 'notes'],
    ['/notes', 'charts/notes'],
    ['docs/*.md', 'docs/more/a.md', 'x/docs/a.md'],
    ['[^a].yaml', 'a.yaml'],
    ['[!a].yaml', 'b.yaml'],
    ['', 'templates/a.yaml', 'templates/more/.hidden.yaml'],
  ])('%j keeps', (text, ...paths) => {
    expect(paths.filter((path) => isOut(text, path))).toEqual([]);
  });

  test('takes the first rule that matches, and what a rule with ! does not match is out', () => {
    const kept = ['templates', 'templates/a.yaml', 'Chart.yaml'].filter((path) => !isOut('!*.yaml\n', path));
    expect(kept).toEqual(['templates/a.yaml', 'Chart.yaml']);
    expect(isOut('*.yaml\n!a.yaml', 'a.yaml')).toBe(true);
  });

  test.each([
    ['ok\n**/a', ".helmignore:2: '**/a': double-star (**) syntax is not supported"],
    ['[a', ".helmignore:1: '[a': syntax error in pattern"],
    ['a\\', ".helmignore:1: 'a\\': syntax error in pattern"],
  ])('%j is refused', (text, message) => {
    expect(() => new HelmIgnore(text)).toThrow(message);
  });
});

/** A path with a slash at its end is a folder's. */
function isOut(text: string, path: string): boolean {
  return new HelmIgnore(text).leavesOut(path.replace(/\/$/, ''), path.endsWith('/'));
}
