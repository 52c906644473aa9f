import { createHash } from 'node:crypto';
import { systemError } from '@plumb/api';
import type { RemoteBases } from '@plumb/sources';
import { memoryArtifact, type Files } from './memory-artifact.ts';

/** What stands elsewhere: files by ref by the url of a repository (`''` is the default branch), and what addresses answer. */
export interface Elsewhere {
  repositories?: Record<string, Record<string, Files>>;
  /** A text, a status, or no server at all. */
  files?: Record<string, string | number | null>;
}

/** Remote bases over plain maps. A revision is a digest of the files. `asked` lists what was asked for. */
export function memoryRemotes({ repositories = {}, files = {} }: Elsewhere): RemoteBases & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    tree: async ({ url, ref, submodules }, { known }) => {
      asked.push(`git ${url} ${ref}${submodules ? '' : ' bare'}${known === undefined ? '' : ` ${known}`}`);
      const found = Object.entries(repositories[url] ?? {}).find(([name, content]) =>
        known === undefined ? name === ref : revisionOf(content) === known,
      )?.[1];
      if (found === undefined) throw systemError('source-failed', `unable to clone '${url}': repository not found`);
      return { revision: revisionOf(found), tree: memoryArtifact(found).tree };
    },
    file: async (url) => {
      asked.push(`GET ${url}`);
      const found = files[url] ?? 404;
      if (files[url] === null)
        throw systemError('source-failed', `'${url}' could not be fetched: connect ECONNREFUSED`);
      if (typeof found === 'number') return { status: found };
      return { digest: digestOf(found), content: new TextEncoder().encode(found) };
    },
    keepOnly: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

export function revisionOf(files: Files): string {
  return createHash('sha1').update(JSON.stringify(files)).digest('hex');
}

function digestOf(content: string): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}
