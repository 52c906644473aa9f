import type { Tree } from './artifact.ts';
import type { GitLimits } from './git-sources.ts';

/** A repository that a kustomization names as a base. It is asked without credentials. */
export interface RemoteRepository {
  /** http or https. */
  url: string;
  /** A branch, tag, full ref or commit as `git fetch` takes it; '' is the remote's own choice (HEAD). */
  ref: string;
  /** Fetch submodules too, at the commits that are pinned. */
  submodules: boolean;
}

export interface RemoteRequest {
  /** Milliseconds. */
  timeout: number;
  signal?: AbortSignal | undefined;
  /** A reading of performance.now(): an answer that was asked for since then, by anybody, will do. Default: now. */
  since?: number;
  /** What was found before, a commit or a digest: taken without asking where it is still here. */
  known?: string | undefined;
}

export interface RemoteTree {
  /** Id of the commit. */
  revision: string;
  /** All of it: no ignore rules. */
  tree: Tree;
}

export interface RemoteFile {
  /** `sha256:<64 hex>` */
  digest: string;
  content: Uint8Array;
}

/** What is in use of remote bases. */
export interface RemoteUses {
  /** Commits by the url of their repository. */
  commits: ReadonlyMap<string, ReadonlySet<string>>;
  /** Digests of files. */
  files: ReadonlySet<string>;
}

/** Fetches what kustomizations name by address. Nobody's credentials are sent, and nothing but http and https is spoken. */
export interface RemoteBases {
  /**
   * What a ref leads to now. A ref that is a commit never changes: it is asked for only where it is not here yet.
   * @throws PlumbError `source-failed`, `authentication-failed`, `invalid-url`, `timeout`, `cancelled`
   */
  tree(repository: RemoteRepository, request: RemoteRequest): Promise<RemoteTree>;
  /** A file; the status of the answer where it is none (other than 2xx). @throws PlumbError as `tree` */
  file(url: string, request: RemoteRequest): Promise<RemoteFile | { status: number }>;
  /** Forgets what is not in use, and was not asked for within the last minutes. */
  keepOnly(uses: RemoteUses): Promise<void>;
  close(): Promise<void>;
}

export interface RemoteBasesOptions {
  /** Folder of the sources; mirrors and files go to `remotes` below it. Made when missing. */
  dir: string;
  /** Variables for git beside those set here: PATH, proxies. Proxies count for files too. */
  env?: Readonly<Record<string, string>>;
  /** Milliseconds without a read after which a mirror's reading process is stopped. Default 30,000. */
  idleTimeout?: number;
  /** Milliseconds for which what is not in use is kept after it was asked for. Default 10 minutes. */
  keepFor?: number;
  /** What one repository may take; those not given have their default. */
  limits?: Partial<GitLimits>;
}
