import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { UnitRef } from '@plumb/api';
import type { Engine } from '@plumb/engine';
import { createGitSources } from '../create-git-sources.ts';
import type { Artifact } from '../artifact.ts';
import type { Content, GitLimits, GitRequest, GitSources, Published } from '../git-sources.ts';
import { startGitServer, type GitServer, type GitServerOptions } from './git-server.ts';
import { Repository } from './repository.ts';

export const SHOP: UnitRef = { kind: 'GitRepository', namespace: 'flux-system', name: 'shop' };

/** A folder with a repository, its server and the sources under test. */
export interface Lab extends AsyncDisposable {
  root: string;
  /** Folder of the repositories that the server shows. */
  repositories: string;
  /** The folder of the sources. */
  dir: string;
  repository: Repository;
  server: GitServer;
  sources: GitSources;
  request(over?: Partial<GitRequest>): GitRequest;
  /** Resolves branch main and publishes it. */
  publish(ignore?: string, content?: Content): Promise<Published>;
  /** Opens what was published; fails when it is not there. */
  artifact(published: Published): Promise<Artifact>;
  /** The tarball's file. */
  tarball(published: Published): string;
  /** Ends the sources and starts others on the same folder, as a restart does. */
  restart(): Promise<void>;
}

export async function openLab(
  server: Partial<GitServerOptions> = {},
  flags: readonly string[] = [],
  limits: Partial<GitLimits> = {},
  engine?: Pick<Engine, 'openpgpVerify'>,
): Promise<Lab> {
  const root = mkdtempSync(join(tmpdir(), 'plumb-sources-'));
  const repositories = join(root, 'repositories');
  const repository = new Repository(repositories, 'shop.git', flags);
  const running = await startGitServer({ root: repositories, ...server });
  const dir = join(root, 'plumb');
  const lab: Lab = {
    root,
    repositories,
    dir,
    repository,
    server: running,
    sources: createGitSources({ dir, limits, ...(engine && { engine }) }),
    request: (over = {}) => ({
      url: `${running.url}/shop.git`,
      ref: { branch: 'main' },
      auth: {},
      timeout: 15_000,
      ...over,
    }),
    publish: async (ignore, content = {}) =>
      lab.sources.publish(SHOP, await lab.sources.resolve(SHOP, lab.request()), { ignore, ...content }),
    artifact: async ({ revision, digest }) => {
      const opened = await lab.sources.open(SHOP, revision, digest);
      if (opened === null) throw new Error('the artifact is not there');
      return opened;
    },
    tarball: ({ path }) => join(dir, 'artifacts', path),
    restart: async () => {
      await lab.sources.close();
      lab.sources = createGitSources({ dir, limits, ...(engine && { engine }) });
    },
    [Symbol.asyncDispose]: async () => {
      await lab.sources.close();
      await running.close();
      rmSync(root, { recursive: true, force: true });
    },
  };
  return lab;
}

export function text(bytes: Uint8Array | null | undefined): string | null {
  return bytes ? Buffer.from(bytes).toString('utf8') : null;
}

/** What a promise was rejected with. */
export async function failureOf(
  promise: Promise<unknown>,
): Promise<Error & { code?: string; policy?: string; fault?: string }> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
  throw new Error('it should have failed');
}
