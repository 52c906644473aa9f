import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { UnitRef } from '@plumb/api';
import { systemError, userError } from '@plumb/api';
import type { Artifact } from '../artifact.ts';
import { onlyFolders } from '../compose/sparse.ts';
import type { Content } from '../git-sources.ts';
import { CatFile } from '../git/cat-file.ts';
import { gitEnvironment } from '../git/environment.ts';
import type { Objects } from '../git/object-store.ts';
import { ObjectStore } from '../git/object-store.ts';
import { runGit } from '../git/run.ts';
import { DEFAULT_LIMITS } from '../limits.ts';
import { GitTree, NO_EXCLUSIONS } from '../tree/git-tree.ts';
import { IgnoreFiles } from '../tree/ignore-files.ts';
import { FolderStore, ROOT } from './folder-store.ts';
import { Planted } from './planted.ts';

/** What stands on this machine, offered as a source would offer it. */
export interface LocalRequest {
  /** The folder that is the root of the artifact. */
  dir: string;
  /** A revision of the Git repository that the folder is the root of; without it the folder as it stands. */
  revision?: string;
  /** Whose artifact it takes the place of. */
  source: UnitRef;
  /** What that source puts into its artifact, or all that is there. Content of other sources is not: it is not here. */
  content?: Pick<Content, 'ignore' | 'sparse'> | 'all';
  /** Environment git is given. */
  env?: Readonly<Record<string, string>>;
}

export interface LocalArtifact extends Artifact {
  close(): Promise<void>;
}

const GIT_TIMEOUT = 10_000;

/** The nearest folder above (or at) a place that is the root of a Git repository; the place itself where none is. */
export function repositoryRoot(place: string): string {
  const start = resolve(place);
  for (let dir = start; ; dir = dirname(dir)) {
    if (existsSync(join(dir, '.git'))) return dir;
    if (dirname(dir) === dir) return start;
  }
}

/**
 * Opens a folder, or one revision of the repository in it. Nothing is checked out, and nothing is written.
 * @throws PlumbError `invalid-path` for what is no folder or no repository, `invalid-spec` for a revision that is not there, `source-failed` for a
 * sparse folder that is not
 */
export async function openLocal(request: LocalRequest): Promise<LocalArtifact> {
  const dir = resolve(request.dir);
  if (!existsSync(dir)) throw userError('invalid-path', `there is no folder ${dir}`);
  const { source, content = {}, revision } = request;
  if (revision === undefined) {
    const objects = new FolderStore(dir);
    return { ...(await offer(objects, ROOT, content)), source, revision: 'local', close: async () => {} };
  }
  const env = gitEnvironment(await gitDirOf(dir, request), { inherited: request.env ?? {}, limits: DEFAULT_LIMITS });
  const cat = new CatFile({ env, cwd: dir, idleTimeout: GIT_TIMEOUT });
  try {
    const objects = new ObjectStore(cat, () => undefined);
    const commit = await objects.commit(`${revision}^{commit}`);
    if (commit === null) throw userError('invalid-spec', `the repository in ${dir} has no revision '${revision}'`);
    const offered = await offer(objects, commit.tree, content);
    return { ...offered, source, revision: `${revision}@sha1:${commit.id}`, close: () => cat.close() };
  } catch (error) {
    await cat.close();
    throw error;
  }
}

async function offer(
  store: Objects,
  whole: string,
  content: NonNullable<LocalRequest['content']>,
): Promise<Pick<Artifact, 'digest' | 'rules' | 'tree'>> {
  if (content === 'all') return { digest: '', rules: 'all', tree: new GitTree(store, whole, NO_EXCLUSIONS) };
  const { ignore, sparse = [] } = content;
  const objects = new Planted(store);
  const root = sparse.length === 0 ? whole : await onlyFolders(objects, whole, sparse);
  const rules = await new IgnoreFiles(objects, DEFAULT_LIMITS).rules(root, ignore);
  return { digest: '', rules: rules.name, tree: new GitTree(objects, root, rules) };
}

/** Where the repository keeps its objects: a work tree that was added has them elsewhere. */
export async function gitDirOf(dir: string, { env = {} }: Pick<LocalRequest, 'env'>): Promise<string> {
  const place = join(dir, '.git');
  if (!existsSync(place)) throw userError('invalid-path', `${dir} is not the root of a Git repository`);
  const options = { env: { ...env, GIT_OPTIONAL_LOCKS: '0' }, cwd: dir, timeout: GIT_TIMEOUT };
  const { code, stdout, stderr } = await runGit(['rev-parse', '--absolute-git-dir'], options);
  if (code !== 0) throw systemError('source-failed', `git cannot read the repository in ${dir}: ${stderr.trim()}`);
  return stdout.toString('utf8').trim();
}
