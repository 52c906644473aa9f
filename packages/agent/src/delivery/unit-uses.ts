import type { Kustomization, UnitRef } from '@plumb/api';
import type { StoredBundle } from './unit.ts';

/** What units need of what is kept for them. */
export interface UnitUses {
  bundles: StoredBundle[];
  /** Kinds of their sources. */
  kinds: Set<string>;
  /** Artifacts their bundles were made from: digests by source. */
  artifacts: Map<string, { source: UnitRef; digests: Set<string> }>;
}

export function noteUse(
  uses: UnitUses,
  { spec, metadata }: Pick<Kustomization, 'spec' | 'metadata'>,
  { bundle }: { bundle: StoredBundle | null },
): void {
  const { kind, name, namespace = metadata.namespace ?? '' } = spec.sourceRef;
  uses.kinds.add(kind);
  if (bundle === null) return;
  uses.bundles.push(bundle);
  const id = `${kind}/${namespace}/${name}`;
  const known = uses.artifacts.get(id) ?? { source: { kind, namespace, name }, digests: new Set() };
  uses.artifacts.set(id, known);
  known.digests.add(bundle.artifactDigest);
}
