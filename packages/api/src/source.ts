import { ORIGIN_REVISION_KEY } from './names.ts';
import type { KubeObject, ObjectMeta } from './object.ts';
import type { ArtifactStatus } from './schema/common.ts';

/** What is read of a source, whatever its kind. */
export interface Source {
  kind: string;
  metadata: Pick<ObjectMeta, 'name' | 'namespace' | 'generation'>;
  status?: { artifact?: OfferedArtifact; observedGeneration?: number; stalled?: string };
}

export type OfferedArtifact = Pick<ArtifactStatus, 'revision' | 'digest' | 'url' | 'metadata'>;

const LONGEST = 4_096;

/** A source as somebody else wrote it. An artifact without what it must have counts as none. */
export function readSource({ kind, metadata, ...fields }: KubeObject): Source {
  const { status } = fields;
  if (!isMap(status)) return { kind, metadata };
  const artifact = isMap(status['artifact']) ? readArtifact(status['artifact']) : undefined;
  const { observedGeneration } = status;
  const stalled = stalledMessage(status['conditions']);
  const read = {
    ...(artifact !== undefined && { artifact }),
    ...(typeof observedGeneration === 'number' && { observedGeneration }),
    ...(stalled !== undefined && { stalled }),
  };
  return { kind, metadata, status: read };
}

/** What the condition Stalled says, where it is there. */
function stalledMessage(conditions: unknown): string | undefined {
  if (!Array.isArray(conditions)) return undefined;
  const stalled = conditions.filter(isMap).find(({ type, status }) => type === 'Stalled' && status === 'True');
  return stalled === undefined ? undefined : String(stalled['message']).slice(0, LONGEST);
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
