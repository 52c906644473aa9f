import type { KubeObject } from '@plumb/api';
import { displayKey, keyId, keyOf } from '@plumb/api';
import type { ReleaseField } from './field.ts';

/** Nothing that no release declares was touched. */
export function strangerProblems({ history }: ReleaseField, strangers: readonly KubeObject[]): string[] {
  return strangers.flatMap((object) => {
    const states = history.of(keyId(keyOf(object)));
    const { resourceVersion } = object.metadata;
    const untouched = states.length === 1 && states[0]?.object?.metadata.resourceVersion === resourceVersion;
    return untouched ? [] : [`${displayKey(keyOf(object))} is nobody's, and was written ${states.length} times (I1)`];
  });
}
