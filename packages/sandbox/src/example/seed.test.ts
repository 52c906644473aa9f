import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { startGitServer } from '../git/git-server.ts';
import { runGit } from '../git/run-git.ts';
import type { GitServer } from '../types.ts';
import { EXAMPLE_DIR, seedRepository } from './seed.ts';

let dir: string;
let server: GitServer;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'plumb-seed-test-'));
  server = await startGitServer({ dir: join(dir, 'served') });
});

afterEach(async () => {
  await server.close();
  await rm(dir, { recursive: true, force: true });
});

describe('seedRepository', () => {
  test('pushes the example as the first commit, by a fixed author', async () => {
    const url = await seedRepository(server, EXAMPLE_DIR);
    await runGit(dir, ['clone', '--quiet', url, 'clone']);
    const work = join(dir, 'clone');
    expect(await runGit(work, ['log', '--format=%an <%ae>'])).toBe('Plumb Sandbox <sandbox@example.com>\n');
    const files = (await runGit(work, ['ls-files'])).split('\n');
    expect(files).toEqual(expect.arrayContaining(['clusters/sandbox/apps.yaml', 'apps/staging/kustomization.yaml']));
  });

  test('leaves the commits of an earlier start alone', async () => {
    const url = await seedRepository(server, EXAMPLE_DIR);
    const before = await runGit(dir, ['ls-remote', url, 'refs/heads/main']);
    expect(await seedRepository(server, EXAMPLE_DIR)).toBe(url);
    expect(await runGit(dir, ['ls-remote', url, 'refs/heads/main'])).toBe(before);
  });
});
