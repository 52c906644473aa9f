import * as Type from 'typebox';
import { object, text } from '../build.ts';
import { objectMeta } from '../common.ts';
import type { KindDefinition } from '../kind.ts';
import { GATES_GROUP } from './common.ts';

/** Characters of base64: what the API server takes in one request. */
export const LONGEST_PLAN = 1_400_000;

const spec = object('The whole plan of the Change of the same name. Written by the agent.', {
  digest: text('The digest of that Change.', { minLength: 1, maxLength: 128 }),
  data: text('JSON of the kind ChangePlan, compressed by gzip, in base64.', { maxLength: LONGEST_PLAN }),
});

/** Of the group plumb.dev. */
export const plan = Type.Object({
  apiVersion: Type.Literal('plumb.dev/v1'),
  kind: Type.Literal('Plan'),
  metadata: objectMeta,
  spec,
});

export type Plan = Type.Static<typeof plan>;

export const planKind = {
  group: GATES_GROUP,
  version: 'v1',
  kind: 'Plan',
  plural: 'plans',
  singular: 'plan',
  shortNames: ['chgplan'],
  categories: ['plumb'],
  columns: [
    { name: 'Digest', type: 'string', jsonPath: '.spec.digest' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
  component: 'plumb',
  description: 'What a held change would do, object by object, with its differences. Made by the agent.',
  spec,
} as const satisfies KindDefinition;
