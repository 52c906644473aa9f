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

const withoutCode = (page: string): string => page.replaceAll(/^```[\s\S]*?^```/gm, '');

function anchorsIn(page: string): string[] {
  return [...withoutCode(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading));
}

function isBroken(from: string, link: string): boolean {
  if (/^[a-z]+:/.test(link)) return false;
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? join(ROOT, from) : join(ROOT, dirname(from), path);
  if (!existsSync(target)) return true;
  return anchor !== undefined && !anchorsIn(readFileSync(target, 'utf8')).includes(anchor);
}

const pages = globSync(['*.md', 'docs/**/*.md'], { cwd: ROOT });

test.each(pages)('every link of %s leads somewhere', (path) => {
  const page = withoutCode(readFileSync(join(ROOT, path), 'utf8'));
  const links = [...page.matchAll(LINK)].map(([, link = '']) => link);
  expect(links.filter((link) => isBroken(path, link))).toEqual([]);
});

/** A link to a name that two headings share leads to the first. */
test.each(pages)('no two headings of %s have one name', (path) => {
  const anchors = anchorsIn(readFileSync(join(ROOT, path), 'utf8'));
  expect(anchors.filter((anchor, index) => anchors.indexOf(anchor) !== index)).toEqual([]);
});
