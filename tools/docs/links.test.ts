import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const LINK = /\]\(([^)\s]+)\)/g;

/** GitHub's name for a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}

function anchorsIn(page: string): Set<string> {
  return new Set([...page.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading)));
}

function isBroken(from: string, link: string): boolean {
  if (/^[a-z]+:/.test(link)) return false;
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? join(ROOT, from) : join(ROOT, dirname(from), path);
  if (!existsSync(target)) return true;
  return anchor !== undefined && !anchorsIn(readFileSync(target, 'utf8')).has(anchor);
}

test.each(globSync(['*.md', 'docs/**/*.md'], { cwd: ROOT }))('every link of %s leads somewhere', (path) => {
  const page = readFileSync(join(ROOT, path), 'utf8').replaceAll(/^```[\s\S]*?^```/gm, '');
  const links = [...page.matchAll(LINK)].map(([, link = '']) => link);
  expect(links.filter((link) => isBroken(path, link))).toEqual([]);
});
