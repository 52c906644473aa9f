import { gateAdmission, type JsonObject, type KubeObject } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import { vouchedSince } from './admission.ts';

const MADE = '2026-11-03T12:00:00Z';
const NAME = 'approvals.plumb.dev';
const POLICY = 'ValidatingAdmissionPolicy';
const BINDING = 'ValidatingAdmissionPolicyBinding';

type Edit = (spec: JsonObject, metadata: JsonObject) => void;

/** What the API server has of the shipped objects, with what it fills in, and edited. */
function inCluster(edits: Partial<Record<string, Edit>> = {}): KubeObject[] {
  return gateAdmission().map((shipped) => {
    const object = structuredClone(shipped) as KubeObject & { spec: JsonObject };
    object.metadata = { ...object.metadata, creationTimestamp: MADE, generation: 1, uid: object.kind };
    const { spec } = object;
    if (object.kind === POLICY) {
      const match = spec['matchConstraints'] as JsonObject;
      Object.assign(match, { matchPolicy: 'Equivalent', namespaceSelector: {}, objectSelector: {} });
      for (const rule of match['resourceRules'] as JsonObject[]) rule['scope'] = '*';
    }
    if (object.metadata.name === NAME) edits[object.kind]?.(spec, object.metadata as unknown as JsonObject);
    return object;
  });
}

const match = (spec: JsonObject): JsonObject => spec['matchConstraints'] as JsonObject;
const rule = (spec: JsonObject): JsonObject => (match(spec)['resourceRules'] as JsonObject[])[0] ?? {};
const validations = (spec: JsonObject): JsonObject[] => spec['validations'] as JsonObject[];

test('what the API server makes of the shipped objects vouches, from a little after the younger of them was made', () => {
  expect(vouchedSince('approvals', inCluster())).toEqual({ since: Date.parse(MADE) + 3_000 });
  expect(vouchedSince('lockdowns', inCluster())).toEqual({ since: Date.parse(MADE) + 3_000 });
  const later = inCluster({ [BINDING]: (_spec, metadata) => (metadata['creationTimestamp'] = '2026-11-04T12:00:00Z') });
  expect(vouchedSince('approvals', later)).toEqual({ since: Date.parse('2026-11-04T12:00:03Z') });
});

test.each([POLICY, BINDING])('without the %s of approvals nobody vouches', (kind) => {
  const left = inCluster().filter((object) => object.kind !== kind || object.metadata.name !== NAME);
  expect(vouchedSince('approvals', left)).toEqual({ flaw: `there is no ${kind} ${NAME}` });
  expect(vouchedSince('lockdowns', left)).toHaveProperty('since');
});

describe('a policy that lets something through is noticed', () => {
  const edits: Record<string, Edit> = {
    'failures pass': (spec) => (spec['failurePolicy'] = 'Ignore'),
    'no word of failures': (spec) => delete spec['failurePolicy'],
    'a condition': (spec) => (spec['matchConditions'] = [{ name: 'not-me', expression: 'false' }]),
    'a parameter': (spec) => (spec['paramKind'] = { apiVersion: 'v1', kind: 'ConfigMap' }),
    'namespaces left out': (spec) => (match(spec)['namespaceSelector'] = { matchLabels: { a: 'b' } }),
    'objects left out': (spec) =>
      (match(spec)['objectSelector'] = { matchExpressions: [{ key: 'skip', operator: 'DoesNotExist' }] }),
    'resources left out': (spec) => (match(spec)['excludeResourceRules'] = [{ resources: ['approvals'] }]),
    'exact versions only': (spec) => (match(spec)['matchPolicy'] = 'Exact'),
    'something newer that may narrow it': (spec) => (match(spec)['users'] = ['alice']),
    'something newer in the rule': (spec) => (rule(spec)['userNames'] = ['alice']),
    'something newer in the policy': (spec) => (spec['sampling'] = { percent: 50 }),
    'some names only': (spec) => (rule(spec)['resourceNames'] = ['one']),
    'objects of the cluster only': (spec) => (rule(spec)['scope'] = 'Cluster'),
    'nothing made': (spec) => (rule(spec)['operations'] = ['UPDATE']),
    'nothing updated': (spec) => (rule(spec)['operations'] = ['CREATE']),
    'another group': (spec) => (rule(spec)['apiGroups'] = ['example.com']),
    'another version': (spec) => (rule(spec)['apiVersions'] = ['v2']),
    'another resource': (spec) => (rule(spec)['resources'] = ['lockdowns']),
    'a subresource': (spec) => (rule(spec)['resources'] = ['approvals/status']),
    'no rule': (spec) => (match(spec)['resourceRules'] = []),
    'no constraints': (spec) => delete spec['matchConstraints'],
    'parts in two rules': (spec) => {
      const whole = rule(spec);
      match(spec)['resourceRules'] = [
        { ...whole, operations: ['CREATE'], resourceNames: ['one'] },
        { ...whole, operations: ['UPDATE'] },
      ];
    },
    'an expression that always holds': (spec) => ((validations(spec)[0] ?? {})['expression'] = 'true'),
    'one expression less': (spec) => (spec['validations'] = validations(spec).slice(1)),
    'no validations': (spec) => delete spec['validations'],
    'an expression with a way out': (spec) => {
      const [first = {}] = validations(spec);
      first['expression'] = `(${first['expression'] as string}) || true`;
    },
  };
  test.each(Object.entries(edits))('%s', (_name, edit) => {
    const flaw = `the ${POLICY} ${NAME} is not as it is shipped`;
    expect(vouchedSince('approvals', inCluster({ [POLICY]: edit }))).toEqual({ flaw });
  });
});

describe('a binding that lets something through is noticed', () => {
  const edits: Record<string, Edit> = {
    'audited only': (spec) => (spec['validationActions'] = ['Audit']),
    'warned of only': (spec) => (spec['validationActions'] = ['Warn', 'Audit']),
    'no actions': (spec) => delete spec['validationActions'],
    'another policy': (spec) => (spec['policyName'] = 'lockdowns.plumb.dev'),
    'a parameter': (spec) => (spec['paramRef'] = { name: 'a', parameterNotFoundAction: 'Allow' }),
    'namespaces left out': (spec) =>
      (spec['matchResources'] = { namespaceSelector: { matchLabels: { a: 'b' } }, matchPolicy: 'Equivalent' }),
    'objects left out': (spec) => (spec['matchResources'] = { objectSelector: { matchLabels: { a: 'b' } } }),
    'some resources only': (spec) => (spec['matchResources'] = { resourceRules: [{ resources: ['changes'] }] }),
    'resources left out': (spec) => (spec['matchResources'] = { excludeResourceRules: [{ resources: ['approvals'] }] }),
    'something newer': (spec) => (spec['schedule'] = { days: ['Monday'] }),
  };
  test.each(Object.entries(edits))('%s', (_name, edit) => {
    const flaw = `the ${BINDING} ${NAME} is not as it is shipped`;
    expect(vouchedSince('approvals', inCluster({ [BINDING]: edit }))).toEqual({ flaw });
  });
});

describe('what only makes it stricter, or says nothing, is accepted', () => {
  const edits: Record<string, Partial<Record<string, Edit>>> = {
    'more operations': { [POLICY]: (spec) => (rule(spec)['operations'] = ['CREATE', 'UPDATE', 'DELETE']) },
    'another validation': {
      [POLICY]: (spec) => (spec['validations'] = [{ expression: 'size(object.spec.by) < 99' }, ...validations(spec)]),
    },
    'another rule': {
      [POLICY]: (spec) => (match(spec)['resourceRules'] = [{ ...rule(spec), resources: ['changes'] }, rule(spec)]),
    },
    'other words for people': { [POLICY]: (spec) => ((validations(spec)[0] ?? {})['message'] = 'no') },
    'annotations for the audit': {
      [POLICY]: (spec) => (spec['auditAnnotations'] = [{ key: 'by', valueExpression: "'x'" }]),
    },
    'no conditions': { [POLICY]: (spec) => (spec['matchConditions'] = []) },
    'denied and audited': { [BINDING]: (spec) => (spec['validationActions'] = ['Deny', 'Audit']) },
    'everything matched': {
      [BINDING]: (spec) =>
        (spec['matchResources'] = { matchPolicy: 'Equivalent', namespaceSelector: {}, objectSelector: {} }),
    },
    'other labels': { [POLICY]: (_spec, metadata) => (metadata['labels'] = {}) },
  };
  test.each(Object.entries(edits))('%s', (_name, edit) => {
    expect(vouchedSince('approvals', inCluster(edit))).toEqual({ since: Date.parse(MADE) + 3_000 });
  });
});

test.each([POLICY, BINDING])(
  'of a %s that was edited and put right nobody knows what it let through meanwhile',
  (kind) => {
    const edited = inCluster({ [kind]: (_spec, metadata) => (metadata['generation'] = 3) });
    const flaw = `the ${kind} ${NAME} was edited after it was made: delete it, and make it anew`;
    expect(vouchedSince('approvals', edited)).toEqual({ flaw });
  },
);
