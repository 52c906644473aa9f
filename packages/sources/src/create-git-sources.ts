import { mkdir, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { systemError, type UnitRef } from '@plumb/api';
import { GitSource } from './git-source.ts';
import type { GitInclude, GitSources, GitSourcesOptions } from './git-sources.ts';
import { Tokens } from './github/tokens.ts';
import { Layout } from './layout.ts';
import { DEFAULT_LIMITS, IDLE_TIMEOUT } from './limits.ts';
import { onDisk } from './store/disk.ts';
import { Verifier } from './store/records.ts';

/** Git sources below one folder. Only one process may use the folder at a time. `close` ends every git process. */
export function createGitSources(options: GitSourcesOptions): GitSources {
  const layout = new Layout(resolve(options.dir));
  const context = {
    layout,
    inherited: options.env ?? {},
    idleTimeout: options.idleTimeout ?? IDLE_TIMEOUT,
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    verifier: new Verifier(),
    tokens: new Tokens(),
    engine: options.engine,
    borrow: async ({ source, revision, digest }: GitInclude) => (await sourceOf(source)).offer(revision, digest),
  };
  const sources = new Map<string, GitSource>();
  let ready: Promise<void> | undefined;
  let closed = false;

  const makeReady = (): Promise<void> => {
    const made = onDisk('preparing the data directory', () => prepare(layout));
    // There may be room the next time.
    made.catch(() => (ready = undefined));
    return made;
  };

  const sourceOf = async (source: UnitRef): Promise<GitSource> => {
    if (closed) throw systemError('cancelled', 'the sources are closed');
    await (ready ??= makeReady());
    const place = layout.place(source);
    let known = sources.get(place);
    if (known === undefined) sources.set(place, (known = new GitSource(source, context)));
    return known;
  };

  return {
    resolve: async (source, request) => (await sourceOf(source)).resolve(request),
    publish: async (source, resolved, content = {}, standing = []) =>
      (await sourceOf(source)).publish(resolved, content, standing),
    open: async (source, revision, digest) => (await sourceOf(source)).open(revision, digest),
    authors: async (source, range, request) => (await sourceOf(source)).authors(range, request),
    commits: async (source, range, request) => (await sourceOf(source)).commits(range, request),
    signed: async (source, question, request) => (await sourceOf(source)).signed(question, request),
    remove: async (source) => {
      const known = await sourceOf(source);
      await known.remove();
      // Somebody may have asked for it again meanwhile; then it stays the one that works on these folders.
      if (known.idle) sources.delete(layout.place(source));
    },
    close: async () => {
      closed = true;
      await Promise.all(Array.from(sources.values(), (source) => source.close()));
      sources.clear();
    },
  };
}

/** Whatever a killed process left in the scratch folder, certificates among it, goes first. */
async function prepare(layout: Layout): Promise<void> {
  await rm(layout.scratch, { recursive: true, force: true });
  await mkdir(layout.scratch, { recursive: true, mode: 0o700 });
  await mkdir(layout.artifacts, { recursive: true, mode: 0o700 });
}
