import type { IgnoreRule } from '@plumb/api';
import type { Artifact, RemoteBases } from '@plumb/sources';
import type { Bundle, ReadSet, RemoteRead } from './bundle.ts';
import type { Decrypt } from './decrypt.ts';

/** kustomize's selector; group, version, kind, name and namespace are anchored regular expressions. */
export interface PatchTarget {
  group?: string;
  version?: string;
  kind?: string;
  name?: string;
  namespace?: string;
  labelSelector?: string;
  annotationSelector?: string;
}

/** The part of a Kustomization's spec that shapes its objects. */
export interface BuildSpec {
  /** Folder inside the artifact; './' and '' are its root. */
  path: string;
  components: readonly string[];
  /** Components that the artifact does not hold are left out. */
  ignoreMissingComponents?: boolean;
  /** Annotations kustomize writes about where an object came from, beside those the files ask for. */
  buildMetadata?: readonly string[];
  targetNamespace?: string;
  namePrefix?: string;
  nameSuffix?: string;
  patches: readonly { patch: string; target?: PatchTarget }[];
  images: readonly { name: string; newName?: string; newTag?: string; digest?: string }[];
  commonMetadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
  /** Set on every object last: the unit's owner labels. */
  ownerLabels: Record<string, string>;
  /** Fields to leave to others, by the objects they are of. */
  ignore?: readonly IgnoreRule[];
}

/** Variables to put into the built objects, in Flux's dialect (spec.postBuild). */
export interface Substitution {
  variables: Readonly<Record<string, string>>;
  /** Those of the values that must not be shown. */
  secrets: readonly string[];
  /** A variable that is not there and has no default fails the build. */
  strict: boolean;
  /** Runs although there is no variable, for the defaults and escapes. */
  always: boolean;
}

export interface BuildOptions {
  /** Milliseconds. */
  deadline: number;
  /** Whose build it is: tenants take turns at what they share. */
  tenant?: string;
  signal?: AbortSignal;
  substitution?: Substitution;
  /** Opens what is encrypted (spec.decryption); without it everything stays as it is. */
  decrypt?: Decrypt;
  /** How remote bases are fetched; without, a build that names one fails. */
  remotes?: Remotes | undefined;
}

/** Leave to fetch remote bases. */
export interface Remotes {
  bases: RemoteBases;
  /** A reading of performance.now(): an answer that was asked for before does not count. */
  since: number;
  /** What the last build found. */
  last?: readonly RemoteRead[];
  /** Take all that the last build found as it was then, where that can still be had. */
  asLast?: boolean;
}

export interface Renderer {
  /**
   * @throws PlumbError `invalid-path` (no such folder, or it leaves the root), `build-failed` (bad YAML, a bad kustomization, a duplicate
   * object: the message names file and document or line), `timeout`, `engine-failed`.
   */
  build(artifact: Artifact, spec: BuildSpec, options: BuildOptions): Promise<Bundle>;
  /**
   * Whether every recorded read still has the object id it had: the bundle would be the same. Reads directory ids only. Remote bases
   * are asked for what they are now. @throws PlumbError `build-failed` when one cannot be asked
   */
  unchanged(reads: ReadSet, artifact: Artifact, options?: Partial<BuildOptions>): Promise<boolean>;
}
