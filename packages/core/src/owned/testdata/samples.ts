import { readFileSync } from 'node:fs';
import { parseJson } from '@plumb/api';
import type { KubeObject } from '@plumb/api';

/** Samples taken from a real API server (v1.37) after server-side apply by `kustomize-controller` and changes by others. */
const read = (name: string): unknown => parseJson(readFileSync(new URL(`${name}.json`, import.meta.url), 'utf8'));

export const MANAGER = 'kustomize-controller';

/** One Deployment as declared, and as it was after each sort of change. */
export const DEPLOYMENT = read('deployment') as {
  desired: KubeObject;
  live: Record<'applied' | 'args' | 'image' | 'label-removed' | 'others-added' | 'removed' | 'scaled' | 'shared' | 'takeover', KubeObject>;
};

/** Objects of other kinds, declared and as they were right after. */
export const KINDS = read('kinds') as { desired: KubeObject; live: KubeObject }[];
