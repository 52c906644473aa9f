import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openLocal } from '../local/open-local.ts';
import { contentOf, packContent } from './chart-archive.ts';
import { readChartFolder, type ChartFolder } from './chart-folder.ts';

const HELM = fileURLToPath(new URL('../../../../build/helm', import.meta.url));
const source = { kind: 'GitRepository', namespace: 'a', name: 'b' };

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'plumb-chart-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function write(files: Record<string, string>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), content);
  }
}

async function read(folder: string, links: ChartFolder['links'] = 'followed'): Promise<Record<string, string>> {
  const { tree } = await openLocal({ dir, source, content: 'all' });
  const content = await readChartFolder({ tree, folder, links });
  return Object.fromEntries([...content].map(([path, bytes]) => [path, Buffer.from(bytes).toString()]));
}

const CHART = { 'web/Chart.yaml': 'apiVersion: v2\nname: web\nversion: 1.2.3\n' };

describe('the folder of a chart', () => {
  test('is read with what is below it, and nothing beside it', async () => {
    write({
      ...CHART,
      'web/templates/a.yaml': 'a',
      'web/charts/db/Chart.yaml': 'db',
      'other/b.yaml': 'b',
      'web/.git/x': 'x',
    });
    expect(Object.keys(await read('web'))).toEqual(['Chart.yaml', 'charts/db/Chart.yaml', 'templates/a.yaml']);
  });

  test('may be the root', async () => {
    write({ 'Chart.yaml': 'name: web', 'a.txt': 'a' });
    expect(await read('')).toEqual({ 'Chart.yaml': 'name: web', 'a.txt': 'a' });
  });

  test('that holds no chart is named', async () => {
    write({ 'web/templates/a.yaml': 'a' });
    const error = { code: 'invalid-path', message: "there is no chart in folder 'web': it holds no Chart.yaml" };
    await expect(read('web')).rejects.toMatchObject(error);
    await expect(read('nowhere')).rejects.toMatchObject({ code: 'invalid-path' });
  });

  test('has its links followed inside the tree, or left out', async () => {
    write({ ...CHART, 'shared/values.yaml': 'a: 1', 'shared/more/b.yaml': 'b' });
    symlinkSync('../shared/values.yaml', join(dir, 'web/values.yaml'));
    symlinkSync('../shared/more', join(dir, 'web/more'));
    expect(await read('web')).toMatchObject({ 'values.yaml': 'a: 1', 'more/b.yaml': 'b' });
    expect(Object.keys(await read('web', 'left-out'))).toEqual(['Chart.yaml']);
  });

  test.each([
    ['/etc/passwd', "link 'web/link' leads to '/etc/passwd', which is not in the repository"],
    ['../../x', "link 'web/link' leads to '../../x', which is not in the repository"],
    ['nothing', "link 'web/link' leads to 'nothing', where nothing is"],
    ['link', "link 'web/link' leads to links without end"],
    ['../web', "folder 'link/link"],
  ])('refuses a link to %s', async (target, message) => {
    write(CHART);
    symlinkSync(target, join(dir, 'web/link'));
    await expect(read('web')).rejects.toThrow(message);
  });

  test('gives what `helm package` packs', async () => {
    write({
      ...CHART,
      'web/.helmignore': '*.bak\n/notes\n.git/\n!*\nnever/\n',
      'web/values.yaml': 'a: 1\n',
      'web/a.bak': '',
      'web/charts/db/Chart.yaml': 'apiVersion: v2\nname: db\nversion: 0.1.0\n',
      'web/charts/db/b.bak': '',
      'web/notes/x': '',
      'web/never/x': '',
      'web/templates/.hidden.yaml': '',
      'web/templates/_helpers.tpl': '{{ define "a" }}{{ end }}',
      'web/docs/guide.md': 'read me',
    });
    execFileSync(HELM, ['package', 'web'], { cwd: dir, env: { HOME: dir } });
    const packed = await contentOf(readFileSync(join(dir, 'web-1.2.3.tgz')));
    // Those in charts/ are packed one by one; and Helm writes Chart.yaml anew.
    const whole = [...packed.keys()].filter((path) => !path.startsWith('charts/')).toSorted();
    const ours = await read('web');
    expect(Object.keys(ours).filter((path) => !path.startsWith('charts/'))).toEqual(whole);
    expect(Object.keys(ours)).toContain('charts/db/Chart.yaml');
    expect(Object.keys(ours)).not.toContain('charts/db/b.bak');
  });
});

describe('an archive', () => {
  test('holds what was packed, and always the same bytes', async () => {
    const content = new Map([
      ['Chart.yaml', Buffer.from('name: web')],
      ['templates/a.yaml', Buffer.from('a'.repeat(100_000))],
      [`templates/${'long/'.repeat(30)}b.yaml`, Buffer.from('ä')],
    ]);
    const archive = await packContent(content);
    expect(await contentOf(archive)).toEqual(content);
    expect(Buffer.from(await packContent(content)).equals(Buffer.from(archive))).toBe(true);
  });

  test('that is none is refused', async () => {
    await expect(contentOf(Buffer.from('no archive'))).rejects.toMatchObject({ code: 'build-failed' });
  });
});
