import type { JsonObject, KubeObject } from './object.ts';
import { PART_OF_LABEL } from './names.ts';

const RBAC = 'rbac.authorization.k8s.io';
const READ = ['get', 'list', 'watch'];

const gates = (resources: string[], verbs: string[]): JsonObject => ({ apiGroups: ['plumb.dev'], resources, verbs });
/** What holds a change back, and what was said of it. */
const LOOK = gates(['changes', 'approvals', 'releasepolicies', 'clusterreleasepolicies', 'lockdowns'], READ);
/** A plan shows objects of whatever namespace the unit delivers to. */
const PLANS = gates(['plans'], READ);
const UNITS: JsonObject[] = [
  { apiGroups: ['kustomize.toolkit.fluxcd.io'], resources: ['kustomizations'], verbs: READ },
  { apiGroups: ['helm.toolkit.fluxcd.io'], resources: ['helmreleases'], verbs: READ },
];

function role(name: string, rules: JsonObject[], labels: JsonObject = {}): KubeObject {
  const metadata = { name, labels: { [PART_OF_LABEL]: 'plumb', ...labels } };
  return { apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata, rules };
}

/**
 * ClusterRoles for people (docs/spec/gates.md). Only looking is aggregated to view, and with it to edit and admin: whoever runs a namespace must be able
 * neither to approve in it nor to take away what holds them. Nobody but the agent writes a Change.
 */
export function gateRoles(): KubeObject[] {
  return [
    role('plumb-gates-view', [LOOK], { [`${RBAC}/aggregate-to-view`]: 'true' }),
    role('plumb-approver', [LOOK, PLANS, ...UNITS, gates(['approvals'], ['create'])]),
    role('plumb-operator', [LOOK, PLANS, ...UNITS, gates(['lockdowns'], ['create', 'update', 'patch', 'delete'])]),
    role('plumb-policy-admin', [
      LOOK,
      PLANS,
      ...UNITS,
      gates(['releasepolicies', 'clusterreleasepolicies'], ['create', 'update', 'patch', 'delete']),
      gates(['approvals'], ['delete']),
    ]),
  ];
}
