import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { asPlumbError, systemError, type PlumbError, type UnitRef } from '@plumb/api';
import type { Artifact } from '../artifact.ts';
import type { ArtifactOffer, DownloadRequest, Downloads, DownloadsOptions, DownloadUses } from '../downloads.ts';
import { Layout } from '../layout.ts';
import { DEFAULT_LIMITS } from '../limits.ts';
import { untilCancelled } from '../net/shared.ts';
import { GitTree, NO_EXCLUSIONS } from '../tree/git-tree.ts';
import { digestOf, isDigest } from './digest.ts';
import { fetchTarball } from './fetch-tarball.ts';
import { indexOf, parseListing, printListing } from './file-index.ts';
import { FileStore } from './file-store.ts';
import { unpack } from './unpack.ts';

const KEEP_FOR = 10 * 60_000;
/** All trees of downloads follow the same rules: they show everything. */
const RULES = 'all';

/** Of an artifact that was unpacked its data and the list of what is in it, of one that is used as it is the tarball. */
const ENDINGS = ['.data', '.json', '.tgz'] as const;

/** Downloaded artifacts below one folder: of each its data, and the list of what is in it. */
export function createDownloads(options: DownloadsOptions): Downloads {
  const { env = {}, keepFor = KEEP_FOR, hostOverride, stall } = options;
  const root = resolve(options.dir);
  const layout = new Layout(root);
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const scratch = join(root, 'downloads', 'scratch');
  const end = new AbortController();
  const underWay = new Map<string, Promise<void>>();
  const usedAt = new Map<string, number>();
  let ready: Promise<void> | undefined;

  const folderOf = (source: UnitRef): string => layout.downloads(source);
  /** The path of a downloaded artifact, without the endings of its two files. */
  const placeOf = async (source: UnitRef, digest: string): Promise<string> => {
    if (end.signal.aborted) throw systemError('cancelled', 'the downloads are closed');
    await (ready ??= emptied(scratch));
    const place = join(folderOf(source), digestOf(digest).name);
    usedAt.set(place, performance.now());
    return place;
  };

  const bring = async (place: string, offer: ArtifactOffer, { timeout, tries = 3 }: DownloadRequest): Promise<void> => {
    const tarball = join(scratch, `${crypto.randomUUID()}.tar.gz`);
    const data = `${tarball}.data`;
    const signal = AbortSignal.any([end.signal, AbortSignal.timeout(timeout)]);
    try {
      await fetchTarball(offer, { file: tarball, limit: limits.totalBytes, tries, signal, env, hostOverride, stall });
      const listing = await unpack(tarball, data, limits);
      indexOf(listing);
      await mkdir(join(place, '..'), { recursive: true, mode: 0o700 });
      await rename(data, `${place}.data`);
      await writeFile(`${tarball}.json`, printListing(listing), { mode: 0o600 });
      await rename(`${tarball}.json`, `${place}.json`);
    } catch (error) {
      throw asTold(error);
    } finally {
      for (const file of [tarball, data, `${tarball}.json`]) await rm(file, { force: true });
    }
  };

  /** Brings a tarball to its place, as it is. */
  const bringWhole = async (
    file: string,
    offer: ArtifactOffer,
    { timeout, tries = 3 }: DownloadRequest,
  ): Promise<void> => {
    const tarball = join(scratch, `${crypto.randomUUID()}.tgz`);
    const signal = AbortSignal.any([end.signal, AbortSignal.timeout(timeout)]);
    try {
      await fetchTarball(offer, { file: tarball, limit: limits.totalBytes, tries, signal, env, hostOverride, stall });
      await mkdir(join(file, '..'), { recursive: true, mode: 0o700 });
      await rename(tarball, file);
    } catch (error) {
      throw asTold(error);
    } finally {
      await rm(tarball, { force: true });
    }
  };

  const open: Downloads['open'] = async (source, revision, digest) => {
    const place = await placeOf(source, digest);
    await underWay.get(place)?.catch(() => undefined);
    return opened(place, { source, revision, digest });
  };

  return {
    open,
    fetch: async (source, offer, request) => {
      const place = await placeOf(source, offer.digest);
      let bringing = underWay.get(place);
      if (bringing === undefined) {
        bringing = bring(place, offer, request).finally(() => underWay.delete(place));
        underWay.set(place, bringing);
      }
      await untilCancelled(bringing, request.signal);
      const artifact = await opened(place, { source, revision: offer.revision, digest: offer.digest });
      if (artifact !== null) return artifact;
      throw systemError('storage-failed', `artifact ${offer.revision} was downloaded and is not on the disk any more`);
    },
    archive: async (source, offer, request) => {
      const file = `${await placeOf(source, offer.digest)}.tgz`;
      const here = await readWhole(file, offer.digest);
      if (here !== null) return here;
      const bringing = underWay.get(file) ?? bringWhole(file, offer, request).finally(() => underWay.delete(file));
      underWay.set(file, bringing);
      await untilCancelled(bringing, request.signal);
      const brought = await readWhole(file, offer.digest);
      if (brought !== null) return brought;
      throw systemError('storage-failed', `artifact ${offer.revision} was downloaded and is not on the disk any more`);
    },
    keepOnly: async (uses) => {
      const oldest = performance.now() - keepFor;
      const kept = keptFiles(uses, folderOf);
      for (const [place, at] of usedAt) {
        if (at >= oldest) for (const ending of ENDINGS) kept.add(`${place}${ending}`);
        else usedAt.delete(place);
      }
      await sweep(join(root, 'downloads'), kept);
    },
    close: async () => {
      end.abort();
      await Promise.allSettled(underWay.values());
    },
  };
}

function asTold(error: unknown): PlumbError {
  const told = asPlumbError(error);
  return told.code === 'internal' ? systemError('storage-failed', told.message, error) : told;
}

/** @returns null where it is not here, or not as it was: then it is downloaded again */
async function readWhole(file: string, digest: string): Promise<Uint8Array | null> {
  const bytes = await readFile(file).catch(() => null);
  if (bytes === null) return null;
  const { hash, hex } = digestOf(digest);
  return hash.update(bytes).digest('hex') === hex ? bytes : null;
}

/** @returns null where it is not here, or not whole: then it is downloaded again */
async function opened(place: string, artifact: Omit<Artifact, 'rules' | 'tree'>): Promise<Artifact | null> {
  try {
    const listing = parseListing(await readFile(`${place}.json`, 'utf8'));
    const { size } = await stat(`${place}.data`);
    if (size !== listing.bytes) return null;
    const index = indexOf(listing);
    const store = new FileStore(
      `${place}.data`,
      index,
      () => void rm(`${place}.json`, { force: true }).catch(() => undefined),
    );
    return { ...artifact, rules: RULES, tree: new GitTree(store, index.root, NO_EXCLUSIONS) };
  } catch {
    return null;
  }
}

function keptFiles(uses: DownloadUses, folderOf: (source: UnitRef) => string): Set<string> {
  const kept = new Set<string>();
  for (const { source, digests } of uses.values()) {
    for (const digest of digests) {
      // What no download can be named is not here either.
      if (!isDigest(digest)) continue;
      const place = join(folderOf(source), digestOf(digest).name);
      for (const ending of ENDINGS) kept.add(`${place}${ending}`);
    }
  }
  return kept;
}

async function sweep(folder: string, kept: ReadonlySet<string>): Promise<void> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of found) {
    const path = join(entry.parentPath, entry.name);
    if (
      entry.isFile() &&
      ENDINGS.some((ending) => entry.name.endsWith(ending)) &&
      !path.startsWith(join(folder, 'scratch')) &&
      !kept.has(path)
    )
      await rm(path, { force: true });
  }
}

/** Whatever a killed process left goes first. */
async function emptied(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
}
