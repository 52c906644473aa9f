import { resolve } from 'node:path';
import { systemError, userError } from '@plumb/api';
import type { Authors } from '../git-sources.ts';
import { CatFile } from '../git/cat-file.ts';
import { gitEnvironment } from '../git/environment.ts';
import { ObjectStore } from '../git/object-store.ts';
import { runGit } from '../git/run.ts';
import { commitsSince } from '../history/commits-since.ts';
import { toldOf } from '../history/history.ts';
import { DEFAULT_LIMITS } from '../limits.ts';
import { gitDirOf } from './open-local.ts';

export interface LocalRangeRequest {
  /** The root of a Git repository. */
  dir: string;
  /** A branch, tag or commit. */
  head: string;
  /** What is merged into; one that is only at the remote `origin` is found there. Empty: all of the history of the head is new. */
  base: string;
  /** Environment git is given. */
  env?: Readonly<Record<string, string>>;
}

/** What a branch has that another one has not. */
export interface LocalRange {
  /** Commit ids. */
  head: string;
  /** Where both went different ways; null without a base. */
  fork: string | null;
  /** Whose work the commits of the head are that the base has not. */
  authors: Authors;
  /** Whether files that Git knows, or would, stand otherwise in the folder than in its current commit. */
  isDirty: boolean;
}

const GIT_TIMEOUT = 60_000;

/** @throws PlumbError `invalid-path` for what is no repository, `invalid-spec` for a revision that is not there, or has nothing in common with the other */
export async function localRange({ dir: place, head, base, env = {} }: LocalRangeRequest): Promise<LocalRange> {
  const dir = resolve(place);
  const gitEnv = gitEnvironment(await gitDirOf(dir, { env }), { inherited: env, limits: DEFAULT_LIMITS });
  const cat = new CatFile({ env: gitEnv, cwd: dir, idleTimeout: GIT_TIMEOUT });
  try {
    const objects = new ObjectStore(cat, () => undefined);
    const commitOf = async (revisions: readonly string[]): Promise<string> => {
      for (const revision of revisions) {
        const found = await objects.commit(`${revision}^{commit}`);
        if (found !== null) return found.id;
      }
      throw userError('invalid-spec', `the repository in ${dir} has no revision '${revisions[0]}': fetch it first`);
    };
    const headId = await commitOf([head]);
    const baseId = base === '' ? null : await commitOf([base, `origin/${base}`]);
    const range = await commitsSince(objects, headId, baseId);
    return {
      head: headId,
      fork: baseId === null ? null : await forkOf({ dir, head: headId, base: baseId, env: gitEnv }, base),
      authors: toldOf(range, baseId).authors,
      isDirty: await isDirty(dir, env),
    };
  } finally {
    await cat.close();
  }
}

async function forkOf(
  { dir, head, base, env }: { dir: string; head: string; base: string; env: Record<string, string> },
  name: string,
): Promise<string> {
  const { code, stdout } = await runGit(['merge-base', base, head], { env, cwd: dir, timeout: GIT_TIMEOUT });
  const fork = stdout.toString('utf8').trim();
  if (code === 0 && fork !== '') return fork;
  const text = `nothing is known that ${head.slice(0, 12)} and '${name}' have in common: the repository in ${dir} is perhaps not fetched as a whole (git fetch --unshallow)`;
  throw userError('invalid-spec', text);
}

/** Git reads the index of the work tree itself for that. */
async function isDirty(dir: string, env: Readonly<Record<string, string>>): Promise<boolean> {
  const options = { env: { ...env, GIT_OPTIONAL_LOCKS: '0' }, cwd: dir, timeout: GIT_TIMEOUT };
  const { code, stdout, stderr } = await runGit(['status', '--porcelain'], options);
  if (code !== 0) throw systemError('source-failed', `git cannot read the work tree in ${dir}: ${stderr.trim()}`);
  return stdout.length > 0;
}
