import { ORIGIN_REVISION_KEY } from './names.ts';
import type { KubeObject, ObjectMeta } from './object.ts';
import type { ArtifactStatus } from './schema/common.ts';

/** What is read of a source, whatever its kind. */
export interface Source {
  kind: string;
  metadata: Pick<ObjectMeta, 'name' | 'namespace'>;
  status?: { artifact?: OfferedArtifact };
}

export type OfferedArtifact = Pick<ArtifactStatus, 'revision' | 'digest' | 'url' | 'metadata'>;

const LONGEST = 4_096;

/** A source as somebody else wrote it. An artifact without what it must have counts as none. */
export function readSource({ kind, metadata, ...fields }: KubeObject): Source {
  const { status } = fields;
  const artifact = isMap(status) && isMap(status['artifact']) ? readArtifact(status['artifact']) : undefined;
  return { kind, metadata, ...(artifact !== undefined && { status: { artifact } }) };
}

function readArtifact({
  revision,
  digest,
  url,
  metadata,
}: Readonly<Record<string, unknown>>): OfferedArtifact | undefined {
  if (!isText(revision) || !isText(digest) || !isText(url)) return undefined;
  if (!isMap(metadata)) return { revision, digest, url };
  const texts = Object.entries(metadata).filter((entry): entry is [string, string] => isText(entry[1]));
  return { revision, digest, url, metadata: Object.fromEntries(texts) };
}

/** What the artifact itself was made from, such as the commit behind an image; '' where it does not say. */
export function originRevisionOf(source: Source | undefined): string {
  return source?.status?.artifact?.metadata?.[ORIGIN_REVISION_KEY] ?? '';
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= LONGEST;
}
