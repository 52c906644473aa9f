import type { ChangeAuthor, UnitRef } from '@plumb/api';
import type { Engine } from '@plumb/engine';
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
  /** Key for ssh. */
  ssh?: SshAuth;
  /** Makes user and password, or a token, for another repository of the same host: those that stand here are for one alone. */
  login?: (url: string) => Promise<GitAuth>;
  /** Credentials are made from this, and kept until they expire. */
  githubApp?: GithubAppAuth;
}

/** What ssh needs: no agent and no configuration of any user is looked at. */
export interface SshAuth {
  /** Private key: PEM or OpenSSH's own form. */
  identity: string;
  /** Of the key, where it has one. */
  password?: string;
  /** Lines of OpenSSH's known_hosts; a host that is not there is refused. */
  knownHosts: string;
}

/** A GitHub App as installed for an owner (GitHub, "Authenticating as a GitHub App installation"). */
export interface GithubAppAuth {
  appId: string;
  /** The installation's id, or the organization or user it is installed for: the id is then asked for. */
  installation: { id: string } | { owner: string };
  /** PEM, RSA. */
  privateKey: string;
  /** Address of the API; default that of github.com. */
  baseUrl?: string;
}

/** A proxy for everything a fetch asks for. With one, proxy variables of the environment do not count. */
export interface GitProxy {
  /** `http://`, `https://` or `socks5://` with host and port. */
  address: string;
  username?: string;
  password?: string;
}

/** A file of public keys, and its name in the Secret. */
export interface KeyFile {
  name: string;
  text: string;
}

/** What must be signed, and by whom (spec.verify). */
export interface Verification {
  mode: 'HEAD' | 'Tag' | 'TagAndHEAD';
  /** Key rings in armour. */
  openpgp: readonly KeyFile[];
  /** Lines of authorized_keys or allowed_signers. */
  ssh: readonly KeyFile[];
}

/** What was verified. A commit's `name` is its id, a tag's `<name>@<id>`; a `key` is an OpenPGP key id or an SSH fingerprint. */
export interface Verified {
  mode: Verification['mode'];
  tag?: { name: string; key: string };
  commit?: { name: string; key: string };
}

export interface GitRequest {
  url: string;
  ref: GitRef;
  auth: GitAuth;
  proxy?: GitProxy;
  /** Fetch submodules too, at the commits that are pinned. */
  submodules?: boolean;
  /** What of it will be published. Where that leaves out much, the rest is not transferred if the server can do so. */
  only?: Pick<Content, 'ignore' | 'sparse'>;
  /** What is not signed as this asks fails to resolve. Of submodules only the pins are signed, with the commit. */
  verify?: Verification;
  /** Milliseconds for the whole fetch. */
  timeout: number;
  signal?: AbortSignal;
}

/** Content of another source's artifact to place inside this one. */
export interface GitInclude {
  source: UnitRef;
  /** The artifact on offer there. */
  revision: string;
  digest: string;
  /** Folder of it to take; '' is all. */
  fromPath: string;
  /** Folder to place it in; it must not be there yet. */
  toPath: string;
}

/** What goes into an artifact. */
export interface Content {
  /** spec.ignore */
  ignore?: string | undefined;
  /** The only folders to offer; none: all. */
  sparse?: readonly string[];
  include?: readonly GitInclude[];
}

/** What the remote has now. `revision` is as Flux writes it: `main@sha1:<40 hex>`, or `main@sha256:<64 hex>`. */
export interface Resolved {
  revision: string;
  commit: string;
  /** First line of the commit message. */
  subject: string;
  /** Id of the tree to offer, where it is not the commit's own: the submodules are in it. */
  tree?: string;
  /** What was verified, where the request asked for it. */
  verified?: Verified;
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

/** Revisions as statuses have them. */
export interface RevisionRange {
  revision: string;
  /** The revision that was applied last; null when none was. */
  since: string | null;
  /** Files and folders of the revision whose commits count too, however old: what stands there came into force with none of those before. */
  paths?: readonly string[];
}

/**
 * Author and committer of a revision's commit and of every other by which it differs from what was applied last, new or taken back, each once, and the
 * commit's message, of which the first 16 KiB are told. Never fewer people than there are: where that cannot be told, `unknown` says why.
 */
export type Authors = { authors: readonly ChangeAuthor[]; message: string } | { unknown: string };

/** A commit: the ids of it and of what it is made of, and its author and committer. */
export interface RangeCommit {
  id: string;
  tree: string;
  parents: readonly string[];
  people: readonly ChangeAuthor[];
}

/**
 * A revision's commit and every other by which it differs from what was applied last, its own first. `isNew`: some are new, and none is taken back. Never
 * fewer commits than there are: where that cannot be told, `unknown` says why.
 */
export type Commits = { commits: readonly RangeCommit[]; isNew: boolean } | { unknown: string };

/** Which signatures of a revision's commit are asked for, and who may have made them. */
export interface SignedQuestion extends Pick<Verification, 'openpgp' | 'ssh'> {
  revision: string;
  /** Which tags, by their names; null: none. */
  isWanted: ((tag: string) => boolean) | null;
  /** Whether the commit itself is asked for. */
  isHeadWanted: boolean;
}

/**
 * The key that made a signature, when its maker says that was (milliseconds since the epoch), and whose it is: for each place where the key stands, the names
 * that stand there with it. An OpenPGP key has the name of its file. Or why it does not count.
 */
export type SignedAs =
  | { fingerprint: string; holders: readonly (readonly string[])[]; at: number }
  | { problem: string };

export interface SignedTag {
  name: string;
  signed: SignedAs;
}

/**
 * What is signed of a commit: the tags of exactly that commit, of which `left` more were not looked at, and the commit itself with the end of its message;
 * null where it is not asked for.
 */
export type SignedWords =
  | {
      commit: string;
      head: { end: string; signed: SignedAs } | null;
      tags: readonly SignedTag[];
      left: number;
    }
  | { unknown: string };

/** Keeps one bare mirror per source below its folder; the only thing that runs `git`. */
export interface GitSources {
  /**
   * Asks the remote for the ref and fetches what is missing. Nothing changes for readers until `publish`.
   * @throws PlumbError `authentication-failed`, `source-failed`, `invalid-url`, `source-empty`, `timeout`, `cancelled`; with `verify` also
   * `invalid-commit-signature`, `invalid-tag-signature`, `unsigned-tag`, `no-tag`, `engine-failed`. The message is what Flux says where it says
   * something.
   */
  resolve(source: UnitRef, request: GitRequest): Promise<Resolved>;
  /**
   * Writes the revision's tarball (deterministic) and makes it the source's artifact. Keeps the one before it, and of the revisions in `standing`
   * what is needed to open them.
   * @throws PlumbError `source-failed` (beyond a limit, a sparse folder that is not there), `artifact-missing` (not fetched),
   * `include-failed`
   */
  publish(source: UnitRef, resolved: Resolved, content?: Content, standing?: readonly string[]): Promise<Published>;
  /**
   * The published artifact, still whole on disk; null when it is not here (a fresh disk), so that it must be fetched again. Without a digest, what
   * was published last of that revision.
   */
  open(source: UnitRef, revision: string, digest: string | null): Promise<Artifact | null>;
  /**
   * Whose work a revision is. What of the history is not here is fetched, without files and only as far as it is needed; at most 1,000 commits.
   * `request` is asked for how to do so only then. What it throws is told as `unknown`.
   */
  authors(source: UnitRef, range: RevisionRange, request: () => Promise<GitRequest>): Promise<Authors>;
  /** The commits that a revision is made of since what was applied last, found out as `authors` does. */
  commits(source: UnitRef, range: RevisionRange, request: () => Promise<GitRequest>): Promise<Commits>;
  /**
   * What is signed of a revision's commit. The remote is asked for its tags each time, and those of that commit are fetched, at most 20; what fails is told
   * as `unknown`.
   */
  signed(source: UnitRef, question: SignedQuestion, request: () => Promise<GitRequest>): Promise<SignedWords>;
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
  /** Checks OpenPGP signatures. Without it none counts. */
  engine?: Pick<Engine, 'openpgpVerify'>;
  /** What one source may take; those not given have their default. */
  limits?: Partial<GitLimits>;
}

/** Bounds for what a repository may make the agent do. */
export interface GitLimits {
  /** Files and folders of one artifact. Default 250,000. */
  entries: number;
  /** Levels of folders. Default 256. */
  depth: number;
  /** Bytes of one file. Default 100 MiB. */
  fileBytes: number;
  /** Bytes of an artifact's files together, before compression. Default 2 GiB. */
  totalBytes: number;
  /** Bytes that one fetch may add to the disk. Default 2 GiB. */
  fetchBytes: number;
  /** Bytes of one object that git must hold in memory: folders, and files that are kept as differences. Default 256 MiB. */
  objectBytes: number;
  /** Submodules of one source, nested ones too. Default 100. */
  submodules: number;
  /** What a user sets them with, such as `--git-max-entries`, for messages. */
  setBy?: Readonly<Partial<Record<'entries' | 'fileBytes' | 'totalBytes' | 'fetchBytes', string>>>;
}

/** Serves the published tarballs over HTTP at `/<Published.path>`, and nothing else below `dir`. */
export interface ArtifactServer {
  /** `http://127.0.0.1:<port>` */
  url: string;
  close(): Promise<void>;
}
