import * as Type from 'typebox';
import { list, object, text, time } from '../build.ts';
import { objectMeta } from '../common.ts';
import type { KindDefinition } from '../kind.ts';
import {
  approvalRule,
  causes,
  CHECK,
  checkFields,
  clusterSelection,
  GATES_GROUP,
  identitiesReference,
} from './common.ts';

const check = object(CHECK, {
  ...checkFields,
  causes: causes('Causes that are governed. By default all that the lockdown is about.'),
});

const spec = object('Stops changes at once, until its end or until it is deleted.', {
  select: Type.Optional(clusterSelection),
  reason: text('Why.', { minLength: 1, maxLength: 1024 }),
  by: text('Who says so: the user that makes or changes this object. The API server refuses any other name.', {
    minLength: 1,
  }),
  until: time('When it ends by itself.'),
  approvals: Type.Optional(
    list('Instead of stopping all: the approvals that changes need while it lasts.', approvalRule),
  ),
  checks: Type.Optional(
    list('Instead of stopping all: what must hold for changes to pass while it lasts, beside any approvals.', check),
  ),
  identitiesRef: Type.Optional(identitiesReference),
  causes: causes('Causes that are stopped. By default all but drift and rebuild: what runs is kept as it is.'),
});

/** Of the group plumb.dev. */
export const lockdown = Type.Object({
  apiVersion: Type.Literal('plumb.dev/v1'),
  kind: Type.Literal('Lockdown'),
  metadata: objectMeta,
  spec,
});

export type Lockdown = Type.Static<typeof lockdown>;
export type LockdownSpec = Type.Static<typeof spec>;
export type LockdownCheck = Type.Static<typeof check>;

export const lockdownKind = {
  group: GATES_GROUP,
  version: 'v1',
  kind: 'Lockdown',
  plural: 'lockdowns',
  singular: 'lockdown',
  shortNames: ['lock'],
  categories: ['plumb'],
  columns: [
    { name: 'Until', type: 'string', jsonPath: '.spec.until' },
    { name: 'By', type: 'string', jsonPath: '.spec.by' },
    { name: 'Reason', type: 'string', jsonPath: '.spec.reason' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
  component: 'plumb',
  description: 'Stops changes at once, everywhere or for the units it selects.',
  spec,
  scope: 'Cluster',
} as const satisfies KindDefinition;
