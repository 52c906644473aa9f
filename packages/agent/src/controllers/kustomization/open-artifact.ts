import type { Kustomization } from '@plumb/api';
import { PlumbError } from '@plumb/api';
import type { Artifact } from '@plumb/sources';
import type { Artifacts, WantedArtifact } from '../../delivery/artifacts.ts';

/** The source object may be gone: what it offered last is still what the unit is held to (I2). */
export function openArtifact(
  { spec, metadata }: Kustomization,
  wanted: WantedArtifact,
  artifacts: Artifacts,
): Promise<Artifact | null> {
  const { kind, name, namespace = metadata.namespace ?? '' } = spec.sourceRef;
  return artifacts.open({ kind, namespace, name }, wanted);
}

export function artifactMissing(revision: string): PlumbError {
  const text = `artifact ${revision} is not in this agent's storage yet; it is fetched again`;
  return new PlumbError('artifact-missing', text, { fault: 'system', policy: 'retry' });
}
