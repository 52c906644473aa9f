import * as Type from 'typebox';
import { choice, count, list, object, text, time } from '../build.ts';
import { objectMeta } from '../common.ts';
import type { KindDefinition } from '../kind.ts';
import { CAUSES, GATES_GROUP } from './common.ts';

export const unitFields = {
  kind: choice('Its kind.', ['Kustomization', 'HelmRelease']),
  namespace: text('Its namespace.'),
  name: text('Its name.'),
};

const unit = object('What is to be changed.', {
  ...unitFields,
  uid: text('Its uid: one of the same name that is made anew is another.'),
});

export const person = object('Somebody who wrote or committed what is to be applied, by their name in Git.', {
  name: text('Their name.'),
  email: text('Their e-mail address.'),
});

const spec = object('One change of one unit that is held. Written by the agent.', {
  unit,
  cluster: text('The cluster it goes to: own, or the name of the Secret or ConfigMap in the kubeConfig of the unit.'),
  cause: choice('Why it is made.', CAUSES),
  revision: text('Revision of the source.'),
  digest: text('Names exactly this change: of this unit, in this cluster, with these objects and deletions.'),
  bundleDigest: text('Digest of the objects, as the history of the unit has it.'),
  authors: list('Whose work it is.', person),
});

export const CHANGE_PHASES = [
  'Pending',
  'Approved',
  'Rejected',
  'Superseded',
  'Applying',
  'Applied',
  'Failed',
] as const;

const requirement = object('One rule, and what came of it.', {
  policy: text('The policy or lockdown, as Kind/name or Kind/namespace/name; default-limits for those every unit has.'),
  generation: count('The generation of the policy that was judged by.'),
  uid: Type.Optional(text('The uid of the policy.')),
  rule: text('The rule in it, as approvals/two-people.'),
  verdict: choice('Met, or why not.', ['Met', 'Missing', 'Denied', 'Warned', 'Overridden']),
  message: text('The verdict in words.', { maxLength: 2048 }),
  evidence: Type.Optional(list('What it was met by.', text('A piece of evidence.', { maxLength: 512 }))),
  at: time('When the verdict was first found.'),
});

const counts = object('How many objects of which fate.', {
  create: count('Objects that are made.'),
  change: count('Objects that are changed.'),
  delete: count('Objects that are deleted.'),
});

const fate = object('What becomes of one object.', {
  object: text('The object, as Kind/namespace/name.'),
  action: choice('What is done to it.', ['create', 'change', 'delete']),
});

const plan = object('The whole plan, as it was when the change was held: a Plan of the same name beside it.', {
  path: Type.Optional(text('Where the API server has it: kubectl get --raw reads it.')),
  digest: Type.Optional(text('SHA-256 over its JSON, as sha256:<hex>.')),
  bytes: Type.Optional(count('Size of its JSON.')),
  objects: Type.Optional(count('Objects that it lists.')),
  left: Type.Optional(count('Objects that nobody looked at, or that it has no room for.')),
  problem: Type.Optional(text('Why there is none.', { maxLength: 2048 })),
  at: time('When it was made, or tried.'),
});

const status = object('How far it is.', {
  phase: choice('Where it stands.', CHANGE_PHASES),
  message: Type.Optional(text('What is missing, or how it ended.', { maxLength: 8192 })),
  requirements: Type.Optional(list('Every rule that governs it.', requirement)),
  counts: Type.Optional(counts),
  objects: Type.Optional(list('What becomes of each object, the first five hundred.', fate)),
  plan: Type.Optional(plan),
  decidedAt: Type.Optional(time('When the gate opened for it.')),
  endedAt: Type.Optional(time('When it was applied, had failed, or was superseded.')),
});

/** Of the group plumb.dev. */
export const change = Type.Object({
  apiVersion: Type.Literal('plumb.dev/v1'),
  kind: Type.Literal('Change'),
  metadata: objectMeta,
  spec,
  status: Type.Optional(status),
});

export type Change = Type.Static<typeof change>;
export type ChangeSpec = Type.Static<typeof spec>;
export type ChangeStatus = Type.Static<typeof status>;
export type PlanStatus = Type.Static<typeof plan>;
export type ChangePhase = ChangeStatus['phase'];
export type ChangeRequirement = Type.Static<typeof requirement>;
export type ChangeAuthor = Type.Static<typeof person>;

export const changeKind = {
  group: GATES_GROUP,
  version: 'v1',
  kind: 'Change',
  plural: 'changes',
  singular: 'change',
  shortNames: ['chg'],
  categories: ['plumb'],
  columns: [
    { name: 'Unit', type: 'string', jsonPath: '.spec.unit.name' },
    { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
    { name: 'Cause', type: 'string', jsonPath: '.spec.cause' },
    { name: 'Revision', type: 'string', jsonPath: '.spec.revision' },
    { name: 'Message', type: 'string', jsonPath: '.status.message' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
  component: 'plumb',
  description:
    'A change that a gate holds, or held: what it is, what it waits for, and how it ended. Made by the agent.',
  spec,
  status,
} as const satisfies KindDefinition;
