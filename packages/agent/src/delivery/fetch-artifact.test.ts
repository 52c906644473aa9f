import type { Source, UnitRef } from '@plumb/api';
import { PlumbError, systemError } from '@plumb/api';
import type { Artifact } from '@plumb/sources';
import { describe, expect, test } from 'vitest';
import { artifactFetcher } from './fetch-artifact.ts';

const OCI: UnitRef = { kind: 'OCIRepository', namespace: 'shop', name: 'fleet' };
const GIT: UnitRef = { ...OCI, kind: 'GitRepository' };
const ARTIFACT = { revision: 'v1', digest: 'sha256:1', url: 'http://other:80/fleet.tar.gz' };
const TREE = { revision: 'v1' } as Artifact;

interface World {
  artifact?: typeof ARTIFACT | undefined;
  onDisk?: boolean;
  downloaded?: Artifact | PlumbError;
  ours?: boolean;
  verified?: boolean;
  replicated?: Artifact | PlumbError | null;
}

/** A fetcher in such a world, and what it did. */
function fetcher(world: World) {
  const { artifact = ARTIFACT, onDisk = false, downloaded = TREE, replicated = TREE } = world;
  const did: string[] = [];
  const answer = async <T>(what: string, result: T | PlumbError): Promise<T> => {
    did.push(what);
    if (result instanceof PlumbError) throw result;
    return result;
  };
  const source: Source = { kind: 'OCIRepository', metadata: { name: 'fleet' }, status: { artifact } };
  const fetch = artifactFetcher({
    downloads: {
      open: () => Promise.resolve(onDisk ? TREE : null),
      fetch: (_source, { url }) => answer(`download ${url}`, downloaded),
      archive: () => Promise.reject(new Error('not asked for here')),
      keepOnly: () => Promise.resolve(),
      close: () => Promise.resolve(),
    },
    find: () => source,
    retry: 30_000,
    signal: new AbortController().signal,
    git: {
      isOurs: () => world.ours === true,
      isVerified: () => world.verified === true,
      host: 'our:9090',
      replicate: () => answer('replicate', replicated),
    },
  });
  return { did, fetch: (ref: UnitRef, revision = 'v1') => fetch(ref, revision, 'sha256:1') };
}

const gone = new PlumbError('artifact-missing', 'not there', { fault: 'system', policy: 'retry', status: 404 });
const failed = systemError('artifact-missing', 'digest is other');

describe('an artifact of a source that others fetch', () => {
  test('is downloaded from where its status says', async () => {
    const { did, fetch } = fetcher({});
    expect(await fetch(OCI)).toBe(TREE);
    expect(did).toEqual(['download http://other:80/fleet.tar.gz']);
  });

  test('that was downloaded before is taken from the disk, also when it is not on offer any more', async () => {
    const { did, fetch } = fetcher({ onDisk: true });
    expect(await fetch(OCI, 'v0')).toBe(TREE);
    expect(did).toEqual([]);
  });

  test('that is not on offer any more is none', async () => {
    const { did, fetch } = fetcher({});
    expect(await fetch(OCI, 'v0')).toBeNull();
    expect(did).toEqual([]);
  });

  test('that its server does not have is asked for again later', async () => {
    await expect(fetcher({ downloaded: gone }).fetch(OCI)).rejects.toMatchObject({ status: 404, retryAfter: 30_000 });
    await expect(fetcher({ downloaded: failed }).fetch(OCI)).rejects.toBe(failed);
  });
});

describe('an artifact of a GitRepository', () => {
  test('that is ours is made by its own run', async () => {
    const { did, fetch } = fetcher({ ours: true, artifact: { ...ARTIFACT, url: 'http://our:9090/x.tar.gz' } });
    expect(await fetch(GIT)).toBeNull();
    expect(did).toEqual([]);
  });

  test('that somebody made before us is taken from them, if they still serve it', async () => {
    const { did, fetch } = fetcher({ ours: true });
    expect(await fetch(GIT)).toBe(TREE);
    expect(did).toEqual(['download http://other:80/fleet.tar.gz']);
    expect(await fetcher({ ours: true, downloaded: failed }).fetch(GIT)).toBeNull();
  });

  test('of another replica is made from the remote', async () => {
    const { did, fetch } = fetcher({});
    expect(await fetch(GIT)).toBe(TREE);
    expect(did).toEqual(['replicate']);
  });

  test('that the remote does not give is downloaded; when that fails too, the remote is what is told of', async () => {
    const { did, fetch } = fetcher({ replicated: failed });
    expect(await fetch(GIT)).toBe(TREE);
    expect(did).toEqual(['replicate', 'download http://other:80/fleet.tar.gz']);
    await expect(fetcher({ replicated: failed, downloaded: gone }).fetch(GIT)).rejects.toBe(failed);
  });

  test('that must be signed is never one that was downloaded', async () => {
    const verified = { verified: true, onDisk: true };
    const ours = fetcher({ ...verified, ours: true });
    expect(await ours.fetch(GIT)).toBeNull();
    const others = fetcher({ ...verified, replicated: failed });
    await expect(others.fetch(GIT)).rejects.toBe(failed);
    expect([...ours.did, ...others.did]).toEqual(['replicate']);
  });
});
