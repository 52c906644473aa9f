import type { KubeObject } from '@plumb/api';
import { APPLY_MANAGER, FORCE_RULE, PlumbError } from '@plumb/api';
import type { Action } from '@plumb/core';
import { DEFAULT_RULES, ownerLabels } from '@plumb/core';
import { expect, test } from 'vitest';
import type { ApplyContext } from './apply.ts';
import { mayRecreate } from './recreate.ts';

const unit = { kind: 'Kustomization', namespace: 'shop', name: 'apps' };
const key = { group: 'apps', version: 'v1', kind: 'Deployment', namespace: 'shop', name: 'cart' };
const action: Action = { kind: 'change', key, index: 0 };
const immutable = 'Deployment.apps "cart" is invalid: spec.selector: Invalid value: {"a":"b"}: field is immutable';
const IMMUTABLE = new PlumbError('api-invalid', immutable, { fault: 'user', policy: 'retry' });
const AWAY = new PlumbError('api-unavailable', immutable, { fault: 'system', policy: 'retry' });
const OTHER = new PlumbError('api-invalid', 'Deployment.apps "cart" is invalid: spec: Required value', {
  fault: 'user',
  policy: 'retry',
});

const live = (labels = ownerLabels(unit), annotations = {}): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'cart', namespace: 'shop', labels, annotations },
});
const context = (force: boolean, ruled = false): ApplyContext => {
  const rules = { ...DEFAULT_RULES, force: ruled };
  return {
    force,
    unit: { ref: unit },
    bundle: { objects: [{ rules }] },
    fieldManager: APPLY_MANAGER,
  } as unknown as ApplyContext;
};
const another = ownerLabels({ ...unit, name: 'other' });

test.each<[string, boolean, [KubeObject | null, PlumbError, ApplyContext]]>([
  ['spec.force asks for it', true, [live(), IMMUTABLE, context(true)]],
  ['its declaration asks for it', true, [live(), IMMUTABLE, context(false, true)]],
  [
    'the live object asks for it',
    true,
    [live(ownerLabels(unit), { [FORCE_RULE]: 'enabled' }), IMMUTABLE, context(false)],
  ],
  ['nobody asks for it', false, [live(), IMMUTABLE, context(false)]],
  ['it was refused for something else', false, [live(), OTHER, context(true)]],
  ['the API server could not answer', false, [live(), AWAY, context(true)]],
  ['it is not there', false, [null, IMMUTABLE, context(true)]],
  ['it carries no owner labels', false, [live({}), IMMUTABLE, context(true)]],
  ["it is another unit's", false, [live(another), IMMUTABLE, context(true)]],
])('an object may be deleted and made anew when %s: %s', (_name, may, [object, refusal, how]) => {
  expect(mayRecreate(action, object, refusal, how)).toBe(may);
});
