import { describe, expect, it } from 'vitest';
import { immutableFields } from './immutable.ts';

describe('immutableFields', () => {
  it.each<[string, string, string[]]>([
    [
      'a selector',
      'Deployment.apps "cart" is invalid: spec.selector: Invalid value: {"matchLabels":{"app":"b"}}: field is immutable',
      ['spec.selector'],
    ],
    [
      'several fields',
      'Job.batch "migrate" is invalid: [spec.completions: Invalid value: 2: field is immutable, spec.template: Invalid value: {"spec":{"a":"b, c: d"}}: field is immutable]',
      ['spec.completions', 'spec.template'],
    ],
    [
      'an item of a list',
      'Service "cart" is invalid: spec.clusterIPs[0]: Invalid value: ["10.0.0.9"]: may not change once set',
      ['spec.clusterIPs[0]'],
    ],
    [
      'a role reference',
      'RoleBinding.rbac.authorization.k8s.io "x" is invalid: roleRef: Invalid value: {"kind":"Role"}: cannot change roleRef',
      ['roleRef'],
    ],
    [
      'a StatefulSet',
      `StatefulSet.apps "db" is invalid: spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template' are forbidden`,
      ['spec'],
    ],
    [
      'a claim, with what differs on the next lines',
      'PersistentVolumeClaim "data" is invalid: spec: Forbidden: spec is immutable after creation except resources.requests for bound claims\n  core.PersistentVolumeClaimSpec{\n- a: "b",\n  }\n',
      ['spec'],
    ],
    [
      'a Pod',
      'Pod "one" is invalid: spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`\n  core.PodSpec{\n  }\n',
      ['spec'],
    ],
    [
      'an immutable Secret',
      'Secret "token" is invalid: data: Forbidden: field is immutable when `immutable` is set',
      ['data'],
    ],
    [
      'a priority',
      'PriorityClass.scheduling.k8s.io "high" is invalid: value: Forbidden: may not be changed in an update.',
      ['value'],
    ],
    [
      'a storage class',
      'StorageClass.storage.k8s.io "fast" is invalid: parameters: Forbidden: updates to parameters are forbidden.',
      ['parameters'],
    ],
    [
      'a rule of a custom kind',
      'Database.shop.example.com "main" is invalid: spec.engine: Invalid value: "string": Value is immutable',
      ['spec.engine'],
    ],
    ['a webhook', 'admission webhook "guard.example.com" denied the request: spec.owner is immutable', []],
  ])('names what cannot change: %s', (_name, message, fields) => {
    expect(immutableFields(message)).toEqual(fields);
  });

  it.each([
    [
      'another mistake',
      'Deployment.apps "cart" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    ],
    [
      'another mistake beside it',
      'Deployment.apps "cart" is invalid: [spec.replicas: Invalid value: -1: must be greater than or equal to 0, spec.selector: Invalid value: {"a":"b"}: field is immutable]',
    ],
    [
      'a value that holds the word',
      'ConfigMap "is immutable" is invalid: metadata.name: Invalid value: "is immutable": a lowercase RFC 1123 subdomain must consist of lower case characters',
    ],
    [
      'a claim that would shrink',
      'PersistentVolumeClaim "data" is invalid: spec.resources.requests.storage: Forbidden: field can not be less than status.capacity',
    ],
    ['a conflict', 'Operation cannot be fulfilled on configmaps "a": the object has been modified'],
    ['no permission', 'deployments.apps "cart" is forbidden: User "x" cannot patch resource "deployments"'],
  ])('is null for %s', (_name, message) => {
    expect(immutableFields(message)).toBeNull();
  });
});
