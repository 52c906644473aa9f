import { KUSTOMIZATION, type KubeObject } from '@plumb/api';
import { healthOf } from './health/health-of.ts';
import type { Observed } from './observed.ts';
import { ownerOf } from './owner.ts';
import { ownedHash } from './owned/owned-hash.ts';
import { hasFormerManagers } from './owned/take-over.ts';
import { DEFAULT_RULES, rulesOf } from './rules.ts';

/** What is kept of a live object, as seen by one field manager. */
export function observe(object: KubeObject, manager: string): Observed {
  const rules = rulesOf(object, manager);
  return {
    uid: object.metadata.uid ?? '',
    resourceVersion: object.metadata.resourceVersion ?? '',
    ownedHash: ownedHash(object, manager),
    health: healthOf(object),
    owner: ownerOf(object, manager),
    ...(rules === DEFAULT_RULES ? {} : { rules }),
    ...(isKustomization(object) ? { generation: object.metadata.generation ?? 0 } : {}),
    ...(hasFormerManagers(object, manager) ? { former: true } : {}),
  };
}

function isKustomization({ apiVersion, kind }: KubeObject): boolean {
  return kind === KUSTOMIZATION.kind && apiVersion.startsWith(`${KUSTOMIZATION.group}/`);
}
