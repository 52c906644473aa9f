import { describe, expect, it } from 'vitest';
import { acceptances, objectOf } from './check.cases.ts';
import { checkKustomization } from './check.ts';
import { kustomizationPending, notImplemented } from './not-implemented.ts';
import type { JsonObject } from './object.ts';

function unitFields(spec: JsonObject): string[] {
  const base = { interval: '1m', prune: true, sourceRef: { kind: 'GitRepository', name: 'shop' } };
  const checked = checkKustomization(objectOf({ kind: 'Kustomization', spec: { ...base, ...spec } }, 'a'));
  return checked.ok ? notImplemented(checked.value) : [JSON.stringify(checked.problems)];
}

describe('notImplemented', () => {
  it('has nothing to say about values that ask for nothing', () => {
    expect(unitFields({ force: false, ignore: [], dependsOn: [{ name: 'a' }] })).toEqual([]);
  });

  it.each(['MirrorPrune', 'Delete', 'WaitForTermination', 'Orphan'])('has deletionPolicy %s', (deletionPolicy) => {
    expect(unitFields({ deletionPolicy, serviceAccountName: 'deployer', wait: true })).toEqual([]);
  });

  it('names every pending field of an object that sets all', () => {
    const fields = acceptances
      .filter(({ kind, name }) => kind === 'Kustomization' && name.startsWith('every field'))
      .flatMap((entry) => unitFields(entry.spec))
      .map((field) => field.replace(/ \(.*\)$/, ''));
    expect(fields).toEqual(Object.keys(kustomizationPending));
  });
});
