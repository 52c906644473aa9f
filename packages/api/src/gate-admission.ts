import type { JsonObject, KubeObject } from './object.ts';
import { GATES_LABEL, PART_OF_LABEL } from './names.ts';

/** The groups of a request, and those an object claims, as sets: the order says nothing. */
const SAME_GROUPS = [
  'object.spec.?groups.orValue([]).all(g, g in request.userInfo.?groups.orValue([]))',
  'request.userInfo.?groups.orValue([]).all(g, g in object.spec.?groups.orValue([]))',
].join(' && ');

interface Rule {
  expression: string;
  message: string;
}

const APPROVALS: readonly Rule[] = [
  {
    expression: "request.operation != 'CREATE' || object.spec.by == request.userInfo.username",
    message: 'spec.by must be the user that makes the approval: nobody approves in the name of somebody else',
  },
  {
    expression: `request.operation != 'CREATE' || (${SAME_GROUPS})`,
    message: 'spec.groups must be the groups of the user that makes the approval',
  },
  {
    expression: "request.operation != 'UPDATE' || object.spec == oldObject.spec",
    message: 'an approval cannot be changed: delete it, and make another',
  },
];

const LOCKDOWNS: readonly Rule[] = [
  {
    expression:
      "(request.operation == 'UPDATE' && object.spec == oldObject.spec) || object.spec.by == request.userInfo.username",
    message: 'spec.by must be the user that makes or changes the lockdown',
  },
];

/** The name of a policy, and of its binding. */
function nameOf(resource: string): string {
  return `${resource}.plumb.dev`;
}

function policyFor(resource: string, rules: readonly Rule[]): KubeObject[] {
  const metadata = { name: nameOf(resource), labels: { [PART_OF_LABEL]: 'plumb', [GATES_LABEL]: resource } };
  const apiVersion = 'admissionregistration.k8s.io/v1';
  const policy: KubeObject = {
    apiVersion,
    kind: 'ValidatingAdmissionPolicy',
    metadata,
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: {
        resourceRules: [
          { apiGroups: ['plumb.dev'], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: [resource] },
        ],
      },
      validations: rules.map(({ expression, message }): JsonObject => ({ expression, message, reason: 'Forbidden' })),
    },
  };
  const binding: KubeObject = {
    apiVersion,
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata,
    spec: { policyName: nameOf(resource), validationActions: ['Deny'] },
  };
  return [policy, binding];
}

/**
 * What makes the API server itself enforce who approves and who locks down (ValidatingAdmissionPolicy, KEP-3488). Without it an Approval says only what
 * somebody wrote, and the agent counts none.
 */
export function gateAdmission(): KubeObject[] {
  return [...policyFor('approvals', APPROVALS), ...policyFor('lockdowns', LOCKDOWNS)];
}
