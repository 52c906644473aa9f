import * as Type from 'typebox';
import { choice, list, object, text, withRules } from '../build.ts';
import { objectMeta } from '../common.ts';
import type { KindDefinition } from '../kind.ts';
import { GATES_GROUP } from './common.ts';

const override = object(
  'Breaks the glass: approvals, windows and what other systems say are skipped where the policy lets these people do so.',
  {
    reason: text('Why it cannot wait.', { minLength: 1, maxLength: 1024 }),
  },
);

const fields = object('What one person says of one change. It cannot be changed, only deleted.', {
  change: text('The Change it is about, in this namespace.', { minLength: 1, maxLength: 253 }),
  digest: text('The digest of that change: an approval counts for no other.', { minLength: 1, maxLength: 128 }),
  decision: choice('What they decided.', ['Approve', 'Reject']),
  by: text('Who they are: the user that makes this object. The API server refuses any other name.', { minLength: 1 }),
  groups: Type.Optional(list('Their groups, as the API server has them. It refuses any other.', text('A group.'))),
  comment: Type.Optional(text('What they have to say about it.', { maxLength: 4096 })),
  override: Type.Optional(override),
});

const spec = withRules(fields, [
  {
    rule: "!has(self.override) || self.decision == 'Approve'",
    message: 'override goes with the decision Approve only',
    holds: (value) => value.override === undefined || value.decision === 'Approve',
  },
]);

/** Of the group plumb.dev. */
export const approval = Type.Object({
  apiVersion: Type.Literal('plumb.dev/v1'),
  kind: Type.Literal('Approval'),
  metadata: objectMeta,
  spec,
});

export type Approval = Type.Static<typeof approval>;
export type ApprovalSpec = Type.Static<typeof spec>;

export const approvalKind = {
  group: GATES_GROUP,
  version: 'v1',
  kind: 'Approval',
  plural: 'approvals',
  singular: 'approval',
  shortNames: ['appr'],
  categories: ['plumb'],
  columns: [
    { name: 'Change', type: 'string', jsonPath: '.spec.change' },
    { name: 'Decision', type: 'string', jsonPath: '.spec.decision' },
    { name: 'By', type: 'string', jsonPath: '.spec.by' },
    { name: 'Comment', type: 'string', jsonPath: '.spec.comment' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
  component: 'plumb',
  description: 'What one person says of one change.',
  spec,
} as const satisfies KindDefinition;
