import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LocalArtifact, LocalRequest } from './open-local.ts';
import { openLocal, repositoryRoot } from './open-local.ts';

const source = { kind: 'GitRepository', namespace: 'flux-system', name: 'shop' };

let dir: string;
const opened: LocalArtifact[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'plumb-local-'));
  write('apps/web.yaml', 'kind: A\n');
  write('apps/logo.png', 'picture');
  write('.sourceignore', 'secret/\n');
  write('secret/key', 'k');
  symlinkSync('web.yaml', join(dir, 'apps/link.yaml'));
  git('init', '--quiet', '--initial-branch=main');
  git('add', '--all');
  commit('First');
});
afterEach(async () => {
  for (const artifact of opened.splice(0)) await artifact.close();
  rmSync(dir, { recursive: true, force: true });
});

function write(path: string, content: string): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), content);
}

function git(...args: string[]): void {
  const env = { PATH: process.env['PATH'], HOME: dir, GIT_CONFIG_GLOBAL: '/dev/null' };
  execFileSync('git', args, { cwd: dir, env });
}

function commit(message: string): void {
  git('-c', 'user.name=Test', '-c', 'user.email=test@example.com', 'commit', '--quiet', '--message', message);
}

async function open(
  request: { revision?: string; content?: NonNullable<LocalRequest['content']>; at?: string } = {},
): Promise<LocalArtifact> {
  const { at = dir, ...rest } = request;
  const artifact = await openLocal({ dir: at, source, env: { PATH: process.env['PATH'] ?? '' }, ...rest });
  opened.push(artifact);
  return artifact;
}

/** Every path of a tree with what is there. */
async function shown(artifact: LocalArtifact, at = ''): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const { name, type } of (await artifact.tree.entries(at)) ?? []) {
    const path = at === '' ? name : `${at}/${name}`;
    if (type === 'directory') Object.assign(found, await shown(artifact, path));
    else found[path] = `${type} ${Buffer.from((await artifact.tree.read(path)) ?? []).toString('utf8')}`;
  }
  return found;
}

const FIRST = {
  '.sourceignore': 'file secret/\n',
  'apps/link.yaml': 'link web.yaml',
  'apps/logo.png': 'file picture',
  'apps/web.yaml': 'file kind: A\n',
};

describe('a folder', () => {
  test('is offered as it stands, by the ignore rules of a source, and Git’s own files are left out', async () => {
    write('apps/new.yaml', 'kind: B\n');
    const artifact = await open();
    expect(await shown(artifact)).toEqual({ ...FIRST, 'apps/new.yaml': 'file kind: B\n' });
    expect(artifact.revision).toBe('local');
  });

  test('need not be a repository', async () => {
    const artifact = await open({ at: join(dir, 'apps') });
    expect(Object.keys(await shown(artifact))).toEqual(['link.yaml', 'web.yaml']);
  });

  test('that is not there is named', async () => {
    await expect(open({ at: join(dir, 'nowhere') })).rejects.toMatchObject({ code: 'invalid-path' });
  });

  test('refuses a file larger than the limit', async () => {
    await expect((await open()).tree.read('apps/web.yaml', 3)).rejects.toMatchObject({ code: 'storage-failed' });
  });
});

describe('a revision', () => {
  test('is read without being checked out', async () => {
    write('apps/web.yaml', 'kind: Changed\n');
    const artifact = await open({ revision: 'HEAD' });
    expect(await shown(artifact)).toEqual(FIRST);
    expect(artifact.revision).toMatch(/^HEAD@sha1:[0-9a-f]{40}$/);
  });

  test('takes spec.ignore as the source would', async () => {
    const artifact = await open({ revision: 'main', content: { ignore: '*.png\n' } });
    expect(Object.keys(await shown(artifact))).not.toContain('apps/logo.png');
  });

  test('of a work tree that was added is found', async () => {
    git('worktree', 'add', '--quiet', '-b', 'other', join(dir, 'added'));
    expect(await shown(await open({ at: join(dir, 'added'), revision: 'other' }))).toEqual(FIRST);
  });

  test.each(['nowhere', 'HEAD:apps', '--all'])('%s is refused', async (revision) => {
    await expect(open({ revision })).rejects.toMatchObject({ code: 'invalid-spec' });
  });

  test('needs a repository', async () => {
    await expect(open({ at: join(dir, 'apps'), revision: 'HEAD' })).rejects.toMatchObject({ code: 'invalid-path' });
  });
});

describe.each([
  { name: 'a folder', at: {} },
  { name: 'a revision', at: { revision: 'main' } },
])('$name with spec.sparseCheckout', ({ at }) => {
  beforeEach(() => {
    write('deploy/prod/a.yaml', 'a');
    write('deploy/prod/.sourceignore', 'a.yaml\n');
    write('deploy/prod/b.yaml', 'b');
    write('deploy/dev/c.yaml', 'c');
    git('add', '--all');
    commit('Second');
  });

  test('holds nothing but its folders, with their own ignore files', async () => {
    const artifact = await open({ ...at, content: { sparse: ['./deploy/prod/', 'apps'], ignore: '*.png\n' } });
    expect(Object.keys(await shown(artifact))).toEqual([
      'apps/link.yaml',
      'apps/web.yaml',
      'deploy/prod/.sourceignore',
      'deploy/prod/b.yaml',
    ]);
    expect(await artifact.tree.id('deploy/dev')).toBeNull();
    expect(await artifact.tree.read('deploy/dev/c.yaml')).toBeNull();
  });

  test('takes . for all of it', async () => {
    const all = await shown(await open(at));
    expect(await shown(await open({ ...at, content: { sparse: ['.', 'apps'] } }))).toEqual(all);
  });

  test.each([
    ['nowhere', 'source-failed'],
    ['apps/web.yaml', 'source-failed'],
    ['../apps', 'invalid-spec'],
  ])('fails with %s as the source would', async (folder, code) => {
    await expect(open({ ...at, content: { sparse: [folder] } })).rejects.toMatchObject({ code });
  });
});

test('the root of a repository is found from any folder in it', () => {
  expect(repositoryRoot(join(dir, 'apps'))).toBe(dir);
});
