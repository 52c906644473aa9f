import * as Type from 'typebox';
import { choice, count, duration, list, object, text } from '../build.ts';
import { commonStatus, objectMeta } from '../common.ts';
import type { KindDefinition } from '../kind.ts';
import {
  approvalRule,
  causes,
  CHECK,
  checkFields,
  clusterSelection,
  GATES_GROUP,
  identitiesReference,
  namespacedSelection,
  people,
  ruleName,
} from './common.ts';
import { externalRule } from './external.ts';
import { imageRules } from './image-rules.ts';

const action = Type.Optional(
  choice('What a change that does not pass meets: it is held, or only told of.', ['Deny', 'Warn'], { default: 'Deny' }),
);

const forbidden = object('Text that no object may hold.', {
  name: ruleName,
  pattern: text('Pattern in the syntax of RE2, looked for in the YAML of each object that is applied.', {
    minLength: 1,
    maxLength: 1024,
  }),
  message: Type.Optional(text('What to tell people.', { maxLength: 1024 })),
  action,
  causes: causes('Causes that are governed. By default routine and prune.'),
});

const protectedObject = object('Objects whose deletion needs an approval.', {
  kind: text('Their kind, as Kind or Kind.group. Kind alone is of any group.', { minLength: 1, maxLength: 317 }),
  namespace: Type.Optional(text('Their namespace. * stands for any text. Any by default.')),
  name: Type.Optional(text('Their name. * stands for any text. Any by default.')),
});

const limitFields = {
  maxDeletes: Type.Optional(count('Most objects that one change may delete.', { minimum: 0 })),
  maxDeletePercent: Type.Optional(
    count('Most objects that one change may delete, in percent of those that the unit has.', {
      minimum: 0,
      maximum: 100,
    }),
  ),
  protected: Type.Optional(list('Objects that never go without approval.', protectedObject)),
  approvers: Type.Optional(
    object('Who may approve deletions beyond the limits. Whoever may make Approvals, by default.', people),
  ),
  causes: causes('Causes that are governed. By default routine and prune.'),
};

const limitsText =
  'What may not be deleted without an approval that says so. Every unit has limits by default: no Namespace, CustomResourceDefinition or PersistentVolumeClaim, and not more than half of a unit of ten objects or more.';

const limits = object(limitsText, limitFields);

/** Only what stands above namespaces may take the default limits away: a tenant cannot exempt itself. */
const clusterLimits = object(limitsText, {
  defaults: Type.Optional(
    choice('Off takes the default limits away from the units that this policy selects.', ['On', 'Off'], {
      default: 'On',
    }),
  ),
  ...limitFields,
});

const window = object('When changes may pass.', {
  name: Type.Optional(text('Names the window in messages and records.', { minLength: 1, maxLength: 63 })),
  type: choice('Allow: changes pass only while one such window is open. Deny: none passes while it is open.', [
    'Allow',
    'Deny',
  ]),
  timeZone: text('Time zone, by its IANA name.', { minLength: 1, maxLength: 64 }),
  cron: Type.Optional(text('When it opens, as in crontab(5): minute, hour, day of month, month, day of week.')),
  rrule: Type.Optional(text('When it opens, as a recurrence rule of RFC 5545 without DTSTART.', { maxLength: 512 })),
  start: Type.Optional(text('With rrule: when it opens first, in local time, as 2026-11-03T12:00.')),
  duration: duration('How long it is open.'),
  exceptDates: Type.Optional(
    list(
      'Days on which it does not open, in local time.',
      text('A day, as 2026-12-24.', { pattern: '^\\d{4}-\\d{2}-\\d{2}$' }),
    ),
  ),
  who: Type.Optional(
    object(
      'Who may pass in it: while a Deny window is open they pass all the same, and nobody else passes in an Allow window. A change is theirs when one of them approved it.',
      people,
    ),
  ),
  causes: causes('Causes that are governed. By default routine and prune.'),
});

const breakGlass = object(
  'Who may override approvals, windows and what other systems say (external) of this policy by an Approval with a reason: the change is an emergency then. Rules whose causes name emergency are not overridden; checks, limits and lockdowns never are.',
  {
    ...people,
    expiry: duration('How long an override counts.'),
  },
);

const check = object(CHECK, {
  ...checkFields,
  action,
  causes: causes('Causes that are governed. By default routine and prune.'),
});

const rules = {
  checks: Type.Optional(list('Conditions in CEL.', check)),
  forbid: Type.Optional(list('Texts that no object may hold.', forbidden)),
  images: Type.Optional(imageRules),
  approvals: Type.Optional(list('Approvals that a change needs. Each must be met.', approvalRule)),
  external: Type.Optional(list('What other systems must say. Each must let the change pass.', externalRule)),
  windows: Type.Optional(list('When changes may pass.', window)),
  breakGlass: Type.Optional(breakGlass),
  identitiesRef: Type.Optional(identitiesReference),
};

const description = 'What must hold before a change of the units it selects is carried out.';

const namespacedSpec = object(description, {
  select: Type.Optional(namespacedSelection),
  limits: Type.Optional(limits),
  ...rules,
});
const clusterSpec = object(description, {
  select: Type.Optional(clusterSelection),
  limits: Type.Optional(clusterLimits),
  ...rules,
});

const status = object('Whether the policy can be judged by.', {
  conditions: commonStatus.conditions,
  observedGeneration: commonStatus.observedGeneration,
});

/** Of the group plumb.dev. */
export const releasePolicy = Type.Object({
  apiVersion: Type.Literal('plumb.dev/v1'),
  kind: Type.Literal('ReleasePolicy'),
  metadata: objectMeta,
  spec: namespacedSpec,
  status: Type.Optional(status),
});

export const clusterReleasePolicy = Type.Object({
  apiVersion: Type.Literal('plumb.dev/v1'),
  kind: Type.Literal('ClusterReleasePolicy'),
  metadata: objectMeta,
  spec: clusterSpec,
  status: Type.Optional(status),
});

export type ReleasePolicy = Type.Static<typeof releasePolicy>;
export type ClusterReleasePolicy = Type.Static<typeof clusterReleasePolicy>;
/** What the rules of both kinds are, whichever units they select. */
export type PolicySpec = Type.Static<typeof clusterSpec>;
export type PolicyCheck = Type.Static<typeof check>;
export type ForbiddenText = Type.Static<typeof forbidden>;
export type LimitRule = Type.Static<typeof clusterLimits>;
export type ProtectedObject = Type.Static<typeof protectedObject>;
export type PolicyWindow = Type.Static<typeof window>;
export type BreakGlass = Type.Static<typeof breakGlass>;

const columns = [
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
  { name: 'Status', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].message' },
] as const;

const common = { group: GATES_GROUP, version: 'v1', categories: ['plumb'], component: 'plumb', status } as const;

export const releasePolicyKind = {
  ...common,
  kind: 'ReleasePolicy',
  plural: 'releasepolicies',
  singular: 'releasepolicy',
  shortNames: ['rpol'],
  columns,
  description,
  spec: namespacedSpec,
} as const satisfies KindDefinition;

export const clusterReleasePolicyKind = {
  ...common,
  kind: 'ClusterReleasePolicy',
  plural: 'clusterreleasepolicies',
  singular: 'clusterreleasepolicy',
  shortNames: ['crpol'],
  columns,
  description,
  spec: clusterSpec,
  scope: 'Cluster',
} as const satisfies KindDefinition;
