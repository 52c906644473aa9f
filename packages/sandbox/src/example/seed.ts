import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { runGit } from '../git/run-git.ts';
import type { GitServer } from '../types.ts';

/** The content of the example repository, ready to be committed. */
export const EXAMPLE_DIR = join(import.meta.dirname, '../../example');

const REPOSITORY = 'fleet';
const AUTHOR = ['-c', 'user.name=Plumb Sandbox', '-c', 'user.email=sandbox@example.com', '-c', 'commit.gpgsign=false'];

/**
 * Makes the repository and pushes the content of `dir` as its first commit to main. One that has a main branch already is
 * left as it is: the commits in it are the user's.
 * @returns the clone URL
 */
export async function seedRepository(server: GitServer, dir: string): Promise<string> {
  const url = await server.create(REPOSITORY);
  const work = await mkdtemp(join(tmpdir(), 'plumb-seed-'));
  try {
    if ((await runGit(work, ['ls-remote', url, 'refs/heads/main'])) !== '') return url;
    await runGit(work, ['init', '--quiet', '--initial-branch=main']);
    await cp(dir, work, { recursive: true });
    await runGit(work, ['add', '--all']);
    await runGit(work, [
      ...AUTHOR,
      'commit',
      '--quiet',
      '--message',
      'Describe the shop: infrastructure, apps and the cluster',
    ]);
    await runGit(work, ['push', '--quiet', url, 'main']);
    return url;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
