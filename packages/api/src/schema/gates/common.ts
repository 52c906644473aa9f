import * as Type from 'typebox';
import { choice, duration, flag, list, object, text } from '../build.ts';
import { reviewRule } from './reviews.ts';
import { signedRule } from './signed.ts';

// What policies, changes, approvals and lockdowns have in common.

export const GATES_GROUP = 'plumb.dev';

/** Why something is changed (core: Cause). */
export const CAUSES = ['routine', 'emergency', 'drift', 'rollback', 'prune', 'rebuild'] as const;

export function causes(description: string) {
  return Type.Optional(list(description, choice('A cause of a change.', CAUSES)));
}

const pattern = { minLength: 1, maxLength: 253 };

const names = (description: string, what: string) =>
  Type.Array(text(what, { minLength: 1 }), { description, minItems: 1 });

/** Who: a user or group of the cluster, as its API server names them. An empty list is refused: it would let everybody, where it reads like nobody. */
export const people = {
  users: Type.Optional(names('Users, as the API server names them.', 'A user.')),
  groups: Type.Optional(names('Groups, as the API server names them.', 'A group.')),
};

const touches = object(
  'What a change must touch to be governed. Every field that is set must fit one of its objects.',
  {
    kinds: Type.Optional(
      list(
        'Kinds, as Kind or Kind.group. Kind alone is of any group.',
        text('A kind.', { minLength: 1, maxLength: 317 }),
      ),
    ),
    namespaces: Type.Optional(
      list('Namespaces of the objects. * stands for any text.', text('A namespace.', { minLength: 1, maxLength: 63 })),
    ),
    deletes: Type.Optional(flag('Only changes that delete an object, or only those that delete none.')),
  },
);

const sourceReference = object('A source by kind, namespace and name. What is not set fits any.', {
  kind: Type.Optional(text('Its kind.')),
  namespace: Type.Optional(text('Its namespace. * stands for any text.')),
  name: Type.Optional(text('Its name. * stands for any text.')),
});

/** Which units and changes: every field that is set must fit. */
export const selectionFields = {
  kinds: Type.Optional(
    list('Kinds of units. All by default.', choice('A kind of unit.', ['Kustomization', 'HelmRelease'])),
  ),
  names: Type.Optional(list('Names of units. * stands for any text.', text('A name.', pattern))),
  labelSelector: Type.Optional(text('Label selector over the labels of the unit, as app=cart,tier in (web, api).')),
  sources: Type.Optional(list('Sources of the unit: one of them must fit.', sourceReference)),
  clusters: Type.Optional(
    list(
      'Clusters that the unit delivers to: own, or the name of the Secret or ConfigMap in its kubeConfig. * stands for any text.',
      text('A cluster.', pattern),
    ),
  ),
  touches: Type.Optional(touches),
};

/** Where: only what stands above namespaces can choose among them. */
export const namespaceFields = {
  namespaces: Type.Optional(list('Namespaces of units. * stands for any text.', text('A namespace.', pattern))),
  namespaceSelector: Type.Optional(text("Label selector over the labels of the unit's namespace.")),
};

export const namespacedSelection = object(
  'Which units of the namespace are governed. All by default.',
  selectionFields,
);

export const clusterSelection = object('Which units are governed. All by default.', {
  ...selectionFields,
  ...namespaceFields,
});

export type Selection = Type.Static<typeof clusterSelection>;

export const ruleName = text('Names the rule in messages and records.', { minLength: 1, maxLength: 63 });

export const CHECK = 'A condition in CEL, as a ValidatingAdmissionPolicy has it.';

export const checkFields = {
  name: ruleName,
  expression: text(
    'Must be true. Over an object it knows object and oldObject (null for one that is new or unknown); always change, unit and source. Of source it knows kind, namespace, name and revision, and, where they can be found out, authors (name and email of each), message, verified (whether spec.verify found the revision signed) and signer (by which key: an SSH fingerprint or OpenPGP key id; empty where it was not): an expression that asks for what is not known holds the change.',
    { minLength: 1, maxLength: 10_240 },
  ),
  over: Type.Optional(
    choice('Object: evaluated for each object that is applied. Change: once.', ['Object', 'Change'], {
      default: 'Object',
    }),
  ),
  message: Type.Optional(text('What to tell people when it does not hold.', { maxLength: 1024 })),
  messageExpression: Type.Optional(
    text('The same, as an expression that gives a text. It goes before message.', { maxLength: 10_240 }),
  ),
};

/** How an approval is asked for. */
export const approvalRule = object('Approvals that a change needs.', {
  name: ruleName,
  count: Type.Integer({ description: 'How many people must approve.', minimum: 1, maximum: 20, default: 1 }),
  ...people,
  notAuthor: Type.Optional(
    flag(
      'Approvals by an author or committer of the change do not count: of any commit that is new since the revision that was applied last, or of all where none was. Who they are in the cluster is told by the ConfigMap that identitiesRef names; a change of somebody it does not know waits, and so does one whose authors cannot be found out. Git takes everybody at their word: who may push under any name has to be settled by its server.',
    ),
  ),
  when: Type.Optional(
    text('Condition in CEL over change, unit and source: only where it is true are the approvals needed.', {
      minLength: 1,
      maxLength: 10_240,
    }),
  ),
  expiry: Type.Optional(duration('An approval older than this no longer counts.')),
  reviews: Type.Optional(reviewRule),
  signed: Type.Optional(signedRule),
  causes: causes('Causes that are governed. By default routine and prune.'),
});

export type ApprovalRule = Type.Static<typeof approvalRule>;

/** Where the identities of authors are looked up. */
export const identitiesReference = object(
  'ConfigMap that tells which users of the cluster the authors of commits are. Each of its values is one person, with lines user: <user of the cluster>, git: <name or e-mail address in Git> and, for logins at forges, github:, gitlab:, gitea: or bitbucket:.',
  {
    name: text('Its name.', { minLength: 1, maxLength: 253 }),
    namespace: Type.Optional(
      text('Its namespace. Of a ReleasePolicy always its own; of what stands above namespaces it is required.'),
    ),
  },
);

export type IdentitiesReference = Type.Static<typeof identitiesReference>;
export type People = { users?: string[]; groups?: string[] };
