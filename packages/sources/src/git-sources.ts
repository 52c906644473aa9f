import type { UnitRef } from '@plumb/api';
import type { Artifact } from './artifact.ts';

/** spec.ref of a GitRepository. Precedence: commit > name > semver > tag > branch; empty means branch master. */
export interface GitRef {
  branch?: string;
  tag?: string;
  semver?: string;
  name?: string;
  commit?: string;
}

/** Credentials of one fetch. Never logged, never part of an error. */
export interface GitAuth {
  username?: string;
  password?: string;
  bearerToken?: string;
  /** PEM certificates to trust instead of the system's. */
  ca?: string;
}

export interface GitRequest {
  url: string;
  ref: GitRef;
  auth: GitAuth;
  /** Milliseconds for the whole fetch. */
  timeout: number;
  signal?: AbortSignal;
}

/** What the remote has now. `revision` is as Flux writes it: `main@sha1:<40 hex>`. */
export interface Resolved {
  revision: string;
  commit: string;
  /** First line of the commit message. */
  subject: string;
}

/** The tarball of one revision, as status.artifact describes it. */
export interface Published {
  revision: string;
  /** `sha256:<64 hex>` of the tarball. */
  digest: string;
  size: number;
  /** Below the artifact server's root: `gitrepository/<ns>/<name>/<commit>.tar.gz`. */
  path: string;
}

/** Keeps one bare mirror per source below its folder; the only thing that runs `git`. */
export interface GitSources {
  /**
   * Asks the remote for the ref and fetches what is missing. Nothing changes for readers until `publish`.
   * @throws PlumbError `authentication-failed`, `source-failed`, `invalid-url`, `timeout`, `cancelled`; the message is what Flux says where it says something.
   */
  resolve(source: UnitRef, request: GitRequest): Promise<Resolved>;
  /** Writes the revision's tarball (deterministic) and makes it the source's artifact. Keeps the one before it. */
  publish(source: UnitRef, resolved: Resolved, ignore: string | undefined): Promise<Published>;
  /** The published artifact, still whole on disk; null when it is not here (a fresh disk), so that it must be fetched again. */
  open(source: UnitRef, revision: string, digest: string): Promise<Artifact | null>;
  /** Forgets a source: mirror and tarballs. */
  remove(source: UnitRef): Promise<void>;
  close(): Promise<void>;
}

export interface GitSourcesOptions {
  /** Folder for mirrors and tarballs; made when missing. */
  dir: string;
  /** Variables for git beside those set here: PATH, proxies. Names that begin with GIT_ are left out. Default: a plain PATH. */
  env?: Readonly<Record<string, string>>;
  /** Milliseconds without a read after which a mirror's reading process is stopped. Default 30,000. */
  idleTimeout?: number;
}

/** Serves the published tarballs over HTTP at `/<Published.path>`, and nothing else below `dir`. */
export interface ArtifactServer {
  /** `http://127.0.0.1:<port>` */
  url: string;
  close(): Promise<void>;
}
