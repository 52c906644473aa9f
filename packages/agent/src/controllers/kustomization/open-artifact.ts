import type { Kustomization } from '@plumb/api';
import { PlumbError } from '@plumb/api';
import type { Artifact } from '@plumb/sources';
import type { Artifacts } from '../../delivery/artifacts.ts';

/** The source object may be gone: what it offered last is still what the unit is held to (I2). */
export function openArtifact(
  { spec, metadata }: Kustomization,
  { revision, digest }: { revision: string; digest: string | null },
  artifacts: Artifacts,
): Promise<Artifact | null> {
  const { name, namespace = metadata.namespace ?? '' } = spec.sourceRef;
  return artifacts.open({ kind: 'GitRepository', namespace, name }, revision, digest);
}

export function artifactMissing(revision: string): PlumbError {
  const text = `artifact ${revision} is not in this agent's storage yet; it is fetched again`;
  return new PlumbError('artifact-missing', text, { fault: 'system', policy: 'retry' });
}
