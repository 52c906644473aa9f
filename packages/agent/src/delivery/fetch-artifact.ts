import type { Source, UnitRef } from '@plumb/api';
import { asPlumbError, GIT_REPOSITORY, PlumbError } from '@plumb/api';
import type { Artifact, ArtifactOffer, Downloads } from '@plumb/sources';
import type { FetchArtifact } from './artifacts.ts';

export interface FetchOptions {
  downloads: Downloads;
  /** A source as it is known now. */
  find: (source: UnitRef) => Source | undefined;
  /** Milliseconds after which a tarball that its server does not have is asked for again. */
  retry: number;
  signal: AbortSignal;
  git: {
    /** Whether this replica fetches that GitRepository. */
    isOurs: (source: UnitRef) => boolean;
    /** Whether its commits must be verified, which a tarball cannot be. */
    isVerified: (source: UnitRef) => boolean;
    /** Host and port of our own artifact server. */
    host: string;
    /** Gets from the remote what another replica has made of it. */
    replicate: FetchArtifact;
  };
}

/** Milliseconds for one tarball. */
const LONGEST = 120_000;
/** The same for one that there may be another way to. */
const SHORT = 10_000;

/**
 * Gets artifacts that this replica does not make. What a status offers is taken from where it says; of a GitRepository the remote itself comes
 * first, and the offer is for what it does not give: an artifact that another source-controller made. Where signatures are asked for, the remote
 * is all there is: a status does not say that what it offers may be trusted.
 */
export function artifactFetcher(options: FetchOptions): FetchArtifact {
  const { downloads, find, retry, signal, git } = options;

  const download = async (source: UnitRef, offer: ArtifactOffer, timeout: number): Promise<Artifact> => {
    try {
      return await downloads.fetch(source, offer, { timeout, signal });
    } catch (thrown) {
      const error = asPlumbError(thrown);
      if (error.status !== 404) throw error;
      const { code, message, fault, policy, status } = error;
      throw new PlumbError(code, message, { fault, policy, status, retryAfter: retry, cause: thrown });
    }
  };

  const ofGit = async (source: UnitRef, offer: ArtifactOffer): Promise<Artifact | null> => {
    if (git.isOurs(source)) {
      // Our own is made by its own run. Until that was once, what was there before us may still be served.
      if (hostOf(offer.url) === git.host) return null;
      return download(source, offer, SHORT).catch(() => null);
    }
    return git.replicate(source, offer.revision, offer.digest).catch((error: unknown) =>
      download(source, offer, SHORT).catch(() => {
        throw error;
      }),
    );
  };

  return async (source, revision, digest) => {
    if (source.kind === GIT_REPOSITORY.kind && git.isVerified(source)) {
      return git.isOurs(source) ? null : git.replicate(source, revision, digest);
    }
    const here = await downloads.open(source, revision, digest);
    const offer = find(source)?.status?.artifact;
    if (here !== null || offer?.revision !== revision || offer.digest !== digest) return here;
    return source.kind === GIT_REPOSITORY.kind ? ofGit(source, offer) : download(source, offer, LONGEST);
  };
}

function hostOf(url: string): string {
  return URL.parse(url)?.host ?? '';
}
