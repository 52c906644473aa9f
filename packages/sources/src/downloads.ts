import type { UnitRef } from '@plumb/api';
import type { Artifact } from './artifact.ts';
import type { GitLimits } from './git-sources.ts';

/** What the status of a source says of its artifact. */
export interface ArtifactOffer {
  url: string;
  revision: string;
  /** `<algorithm>:<hex>` of the tarball. */
  digest: string;
}

export interface DownloadRequest {
  /** Milliseconds for all tries together. */
  timeout: number;
  signal?: AbortSignal;
  /** How often to ask a server that fails. Default 3. */
  tries?: number;
}

/** What is in use of a source: digests of its tarballs. */
export type DownloadUses = ReadonlyMap<string, { source: UnitRef; digests: ReadonlySet<string> }>;

/** Artifacts that somebody else made and serves: Flux's source-controller, source-watcher, any producer of Flux's RFC-0012. */
export interface Downloads {
  /** What was downloaded before, whole on the disk; null when it is not here. */
  open(source: UnitRef, revision: string, digest: string): Promise<Artifact | null>;
  /**
   * Downloads a tarball, checks its digest and unpacks it. Without credentials.
   * @throws PlumbError `artifact-missing` (no answer, another digest; `status` 404 where the server has no such file), `source-failed` (what it
   * holds is refused, or beyond a limit), `timeout`, `cancelled`
   */
  fetch(source: UnitRef, offer: ArtifactOffer, request: DownloadRequest): Promise<Artifact>;
  /**
   * The bytes of a tarball, of which the digest is checked: kept on the disk, and downloaded where they are not there.
   * @throws PlumbError as `fetch`
   */
  archive(source: UnitRef, offer: ArtifactOffer, request: DownloadRequest): Promise<Uint8Array>;
  /** Forgets what is not in use, and was not asked for within the last minutes. */
  keepOnly(uses: DownloadUses): Promise<void>;
  close(): Promise<void>;
}

export interface DownloadsOptions {
  /** Folder of the sources; all goes to `downloads` below it. Made when missing. One process at a time. */
  dir: string;
  /** Variables that name proxies. */
  env?: Readonly<Record<string, string>>;
  /** `host:port` to ask instead of what the address says, as Flux's SOURCE_CONTROLLER_LOCALHOST. */
  hostOverride?: string;
  /** Milliseconds without a byte after which a try is given up. Default 15,000. */
  stall?: number;
  /** Milliseconds for which what is not in use is kept after it was asked for. Default 10 minutes. */
  keepFor?: number;
  /** Those of a repository hold for an artifact too. */
  limits?: Partial<Pick<GitLimits, 'entries' | 'depth' | 'fileBytes' | 'totalBytes'>>;
}
