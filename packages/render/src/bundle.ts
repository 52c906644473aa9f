import type { KubeObject, ObjectKey } from '@plumb/api';
import type { RemoteRepository } from '@plumb/sources';

/** Where a desired object was declared: the file, and which document of it (from 0); -1 where the build does not say. */
export interface Origin {
  path: string;
  document: number;
}

/** One desired object. `digest` is over its canonical JSON as far as an apply of ours sets it, and over what is ignored: equal digests, equal applies. */
export interface Desired {
  key: ObjectKey;
  body: KubeObject;
  digest: string;
  origin: Origin;
  /** JSON pointers of the fields that are left to others once the object exists; one list is shared by many objects. */
  ignored: readonly string[];
}

/**
 * What a build read: object ids of trees and blobs by path. A new revision in which every recorded path still has the id it had
 * gives the same bundle, so it need not be built (docs/architecture.md). A null id records that nothing was there.
 */
export interface ReadSet {
  rules: string;
  ids: ReadonlyMap<string, string | null>;
  /** What was read that is not in the artifact. */
  remotes: readonly RemoteRead[];
}

/** A remote base as a build found it: the commit and the ids of what was read of it, or the digest of a file. */
export type RemoteRead = RemoteTreeRead | { url: string; digest: string };
export interface RemoteTreeRead extends RemoteRepository {
  revision: string;
  /** Folders of it that entries named: these entries are no files. */
  folders: readonly string[];
  ids: ReadonlyMap<string, string | null>;
}

/** A unit's desired objects, in the order they were declared. Same inputs, same digest (I14). */
export interface Bundle {
  digest: string;
  objects: readonly Desired[];
  reads: ReadSet;
  /** What is to be told beside the objects, each once: what kustomize warns of, and what is strange in a chart. */
  warnings: readonly string[];
  /** Texts that stood in encrypted files or Secrets with variables: values of objects that must not be shown, whatever their kind. */
  secrets: readonly string[];
}
