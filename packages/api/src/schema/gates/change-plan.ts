import * as Type from 'typebox';
import { choice, count, flag, list, object, text, time } from '../build.ts';
import type { Json, KubeObject } from '../../object.ts';
import { person, unitFields } from './change.ts';
import { CAUSES } from './common.ts';

const { kind, namespace, name } = unitFields;

const unit = object('What is to be changed.', {
  kind,
  namespace,
  name,
  labels: Type.Record(Type.String(), Type.String(), { description: 'Its labels.' }),
});

const source = object('Where it comes from.', {
  kind: text('Kind of the source.'),
  namespace: text('Its namespace.'),
  name: text('Its name.'),
  revision: text('The revision of it that is to be applied.'),
});

const authors = Type.Union(
  [
    object('Those who are known.', {
      authors: list('Whose work it is.', person),
      message: text('The message of the newest commit.'),
      verified: flag('Whether that commit is signed as its source demands.'),
      signer: Type.Optional(text('The key that signed it. Nothing where it is not verified.')),
    }),
    object('Nobody knows, or nobody asked.', { unknown: text('Why they are not known.') }),
  ],
  {
    description:
      'All who wrote or committed anything in it: authors, with the message of its newest commit and whether that is verified; or unknown, which says why nobody knows, or that nobody asked.',
  },
);

const facts = object('What gates are told of the change, beside its objects.', {
  unit,
  namespaceLabels: Type.Union([Type.Record(Type.String(), Type.String()), Type.Null()], {
    description: "Labels of the unit's namespace; null where no policy asked for them.",
  }),
  cluster: text('The cluster it goes to: own, or the name of the Secret or ConfigMap in the kubeConfig of the unit.'),
  source,
  cause: choice('Why it is made.', CAUSES),
  digest: text('The digest of the Change that this is the plan of: what an approval is bound to.'),
  authors,
  owned: count('How many objects the unit has now.'),
});

const key = object('Names the object.', {
  group: text('API group; empty for the core group.'),
  version: text('Version of the API group.'),
  kind: text('Kind.'),
  namespace: text('Namespace; empty for an object above namespaces.'),
  name: text('Name; empty where the API server is to make one.'),
});

function body(description: string) {
  const whole = object(description, {
    apiVersion: text('As in a manifest.'),
    kind: text('As in a manifest.'),
    metadata: object('As in a manifest.', { name: text('As in a manifest.') }),
  });
  return Type.Union([Type.Unsafe<KubeObject>(whole), Type.Null()], { description });
}

const side = (description: string) => Type.Optional(Type.Unsafe<Json>(Type.Unknown({ description })));

const field = object('A field that would change.', {
  path: text('As spec.template.spec.containers[name=app].image.'),
  before: side('Its value now; left out where it is not there.'),
  after: side('Its value then; left out where it would not be there.'),
});

/** What applying an object would come to. */
const OUTCOMES = ['created', 'changed', 'recreated', 'deleted', 'untried', 'failed', 'unchanged', 'unread'] as const;

const entry = object('What becomes of one object.', {
  key,
  action: choice('What the plan does to it.', ['create', 'change', 'delete']),
  path: text('The file or template it came from; empty where nobody knows.'),
  role: Type.Optional(text('What it is beside an object that is applied: a hook, or a definition.')),
  outcome: choice(
    'What that came to when it was tried, without writing anything. unread: nobody looked, for the reason in message.',
    OUTCOMES,
  ),
  message: text('Why it is unread, was not tried, would fail or is made anew; empty else.'),
  object: body('As it is declared; null for one that goes, and where there was no room for it.'),
  oldObject: body('As it was, without managedFields; null for one that was not there, or was not looked at.'),
  fields: list('What would change of one that is there.', field),
});

const kept = (description: string) => list(description, Type.Unsafe<Json>(Type.Unknown()));
const why = (description: string) => Type.Union([Type.String(), Type.Null()], { description });

const judged = object(
  'All that the verdict was made from when the plan was made, beside the change: by it alone the same verdict comes about again. Left out where there was no room for it.',
  {
    policies: kept(
      'Policies that govern the change, or held it before: kind, namespace, name, generation, uid, spec, flaw.',
    ),
    lockdowns: kept('Lockdowns that may be in force for it: name, at, generation, spec, flaw.'),
    approvals: kept('Approvals of this digest: name, by, groups, decision, digest, override, at, vouched.'),
    distrust: why('Why no approval could be believed; null where they could.'),
    identities: kept(
      'Of each ConfigMap that was asked, by namespace and name, the people who have to do with the change; null where it could not be read.',
    ),
    findings: kept('What was found by rules over the content and by other systems: policy, rule, told.'),
    endorsements: kept('What was said elsewhere, in reviews and in what is signed: policy, rule, told.'),
    earlier: kept('What was found of this change before: its requirements.'),
    now: Type.Number({
      description: 'The time it was judged at, by the clock of the API server. Milliseconds since the epoch.',
    }),
    clockTrouble: why('Why that time could not be believed; null where it could.'),
  },
);

/** The whole plan of a held change, as it is kept beside it. */
export const changePlan = object('What a held change would do, object by object.', {
  apiVersion: Type.Literal('plumb.dev/v1'),
  kind: Type.Literal('ChangePlan'),
  judgedAt: Type.Optional(time('When gates were asked, by the clock of the API server.')),
  judged: Type.Optional(judged),
  unjudged: Type.Optional(text('Why judged is left out.')),
  change: facts,
  objects: list('What becomes of each object, what goes first.', entry),
  unlisted: count('Objects beyond those that are listed.'),
});

export type ChangePlan = Type.Static<typeof changePlan>;
export type PlannedObject = ChangePlan['objects'][number];
