import type { JsonObject } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import { imageProblem, imagesOf, repositoryOf, referenceOf, type ImageField } from './images.ts';

const pod = (image: string): JsonObject => ({ containers: [{ name: 'a', image }] });
const template = (image: string): JsonObject => ({ template: { metadata: {}, spec: pod(image) } });
const nested = (depth: number, inner: JsonObject): JsonObject =>
  depth === 0 ? inner : { a: [nested(depth - 1, inner)] };

describe('images are found wherever a pod may stand', () => {
  test.each<[string, JsonObject, string[]]>([
    ['a Pod', { kind: 'Pod', spec: pod('x') }, ['x']],
    ['a Deployment, StatefulSet, DaemonSet, ReplicaSet, Job', { spec: template('x') }, ['x']],
    ['a CronJob', { spec: { jobTemplate: { spec: template('x') } } }, ['x']],
    ['a PodTemplate', template('x'), ['x']],
    ['a List', { kind: 'List', items: [{ spec: pod('x') }, { spec: pod('y') }] }, ['x', 'y']],
    ['a kind of somebody else', { spec: { workers: [{ pod: { spec: pod('x') } }, template('y')] } }, ['x', 'y']],
    ['containers that start first', { spec: { initContainers: [{ image: 'x' }] } }, ['x']],
    ['containers that come later', { spec: { ephemeralContainers: [{ image: 'x' }] } }, ['x']],
    ['a volume', { spec: { volumes: [{ name: 'v', image: { reference: 'x', pullPolicy: 'Always' } }] } }, ['x']],
    [
      'a container inside of a container',
      { containers: [{ image: 'x', sidecars: { containers: [{ image: 'y' }] } }] },
      ['x', 'y'],
    ],
    [
      'a Task of Tekton',
      {
        kind: 'Task',
        spec: {
          stepTemplate: { image: 'x' },
          steps: [{ ref: { name: 'a' } }, { image: 'y' }],
          sidecars: [{ image: 'z' }],
        },
      },
      ['x', 'y', 'z'],
    ],
    ['a Pipeline of Tekton', { spec: { tasks: [{ taskSpec: { steps: [{ image: 'x' }] } }] } }, ['x']],
    ['a StepAction of Tekton', { apiVersion: 'tekton.dev/v1beta1', kind: 'StepAction', spec: { image: 'x' } }, ['x']],
    [
      'a Workflow of Argo',
      {
        spec: {
          templates: [
            { container: { image: 'a' }, initContainers: [{ image: 'b' }], sidecars: [{ image: 'c' }] },
            { script: { image: 'd', source: 'echo' } },
            { containerSet: { containers: [{ image: 'e' }] } },
            { steps: [[{ name: 'f', inline: { container: { image: 'f' } } }]] },
            { dag: { tasks: [{ inline: { script: { image: 'g' } } }] } },
          ],
        },
      },
      ['a', 'b', 'c', 'd', 'e', 'f', 'g'],
    ],
    ['a CronWorkflow of Argo', { spec: { workflowSpec: { templates: [{ container: { image: 'x' } }] } } }, ['x']],
    ['a Sensor of Argo', { spec: { template: { container: { image: 'x' } } } }, ['x']],
    [
      'a Rollout of Argo',
      { kind: 'Rollout', spec: { ...template('x'), strategy: { canary: { steps: [{ setWeight: 5 }] } } } },
      ['x'],
    ],
    ['a Service of Knative', { apiVersion: 'serving.knative.dev/v1', kind: 'Service', spec: template('x') }, ['x']],
    ['a ScaledJob of KEDA', { spec: { jobTargetRef: template('x') } }, ['x']],
    [
      'a VirtualMachine of KubeVirt',
      {
        spec: {
          template: {
            spec: {
              domain: { firmware: { kernelBoot: { container: { image: 'x' } } } },
              volumes: [{ name: 'v', containerDisk: { image: 'y' } }],
            },
          },
        },
      },
      ['x', 'y'],
    ],
    ['the same twice', { a: pod('x'), b: pod('x') }, ['x']],
    ['a great depth', nested(200, pod('x')), ['x']],
  ])('in %s', (_where, object, images) => {
    expect(imagesOf(object)).toEqual(images);
  });

  test.each<[string, JsonObject]>([
    ['texts', { data: { 'a.yaml': 'containers: [{image: x}]' } }],
    ['an image of another kind', { spec: { image: 'x', images: ['y'], volumes: [{ name: 'v', emptyDir: {} }] } }],
    [
      'what is no container',
      { containers: ['x', null, 1, [], { image: 1 }, { image: null }, {}], volumes: ['x', { image: 'y' }] },
    ],
    ['a step that runs none', { spec: { steps: [{ setWeight: 20 }, { script: 'echo', image: {} }, ['x'], 'x'] } }],
    ['a script in words', { script: 'x', container: 'web', sidecar: true, spec: { container: null } }],
    ['a StepAction of somebody else', { apiVersion: 'b.example/v1', kind: 'StepAction', spec: { image: 'x' } }],
    ['names that objects have by themselves', { containers: [{}], constructor: { name: 'x' } }],
  ])('and not in %s', (_where, object) => {
    expect(imagesOf(object)).toEqual([]);
  });
});

describe('fields that a policy names', () => {
  const spec = {
    image: 'a',
    pools: [{ image: 'b' }, { image: 'c' }],
    parts: { one: { image: 'd' }, two: { image: 'e' } },
    split: { image: { repository: 'f', tag: 1 } },
    none: null,
  };
  const kafka: JsonObject = { apiVersion: 'kafka.example/v1', kind: 'Kafka', spec };

  test.each([
    ['spec.image', ['a']],
    ['spec.pools.image', ['b', 'c']],
    ['spec.parts.*.image', ['d', 'e']],
    ['spec.parts.two.image', ['e']],
    ['spec.split.image', ['{"repository":"f","tag":1}']],
    ['spec.none.image', []],
    ['spec.none', []],
    ['spec.image.tag', []],
    ['spec.constructor.name', []],
  ])('%s leads to %j', (path, images) => {
    expect(imagesOf(kafka, [{ kind: 'Kafka', path }])).toEqual(images);
  });

  test.each<[string, Omit<ImageField, 'path'>, JsonObject, string[]]>([
    ['a kind of that group', { group: 'kafka.example', kind: 'Kafka' }, kafka, ['a']],
    ['a kind of another group', { group: 'example', kind: 'Kafka' }, kafka, []],
    ['another kind', { kind: 'Topic' }, kafka, []],
    ['one in a List', { kind: 'Kafka' }, { kind: 'List', items: [kafka] }, ['a']],
    ['one in a template', { kind: 'Kafka' }, { spec: { template: kafka } }, ['a']],
    ['beside containers', { kind: 'Kafka' }, { ...kafka, template: pod('x') }, ['a', 'x']],
  ])('%s', (_, field, object, images) => {
    expect(imagesOf(object, [{ ...field, path: 'spec.image' }])).toEqual(images);
  });
});

const HEX = 'a'.repeat(64);

test.each([
  ['nginx', 'docker.io/library/nginx'],
  ['nginx:1.27', 'docker.io/library/nginx'],
  [`nginx@sha256:${HEX}`, 'docker.io/library/nginx'],
  [`nginx:1.27@sha256:${HEX}`, 'docker.io/library/nginx'],
  ['bitnami/redis:7', 'docker.io/bitnami/redis'],
  ['a/b/c', 'docker.io/a/b/c'],
  ['docker.io/nginx', 'docker.io/library/nginx'],
  ['docker.io/bitnami/redis', 'docker.io/bitnami/redis'],
  ['index.docker.io/nginx', 'docker.io/library/nginx'],
  ['index.docker.io/bitnami/redis', 'docker.io/bitnami/redis'],
  ['ghcr.io/example/app:v1', 'ghcr.io/example/app'],
  ['localhost/app', 'localhost/app'],
  ['localhost:5000/app:v1', 'localhost:5000/app'],
  ['registry:5000/app', 'registry:5000/app'],
  ['registry/app', 'docker.io/registry/app'],
  ['EVIL/app', 'EVIL/app'],
  ['10.0.0.1/app', '10.0.0.1/app'],
  [`[::1]:5000/app@sha256:${HEX}`, '[::1]:5000/app'],
  ['ghcr.io', 'docker.io/library/ghcr.io'],
])('%s is of %s', (image, repository) => {
  expect(repositoryOf(image)).toBe(repository);
});

describe('registries', () => {
  test.each([
    [['ghcr.io'], 'ghcr.io/example/app:v1'],
    [['ghcr.io/example'], 'ghcr.io/example/app'],
    [['ghcr.io/example/'], 'ghcr.io/example/app'],
    [['ghcr.io/example/app'], `ghcr.io/example/app@sha256:${HEX}`],
    [['quay.io', 'docker.io'], 'nginx'],
    [['docker.io/library'], 'nginx'],
    [['index.docker.io'], 'bitnami/redis'],
    [['docker.io/bitnami'], 'index.docker.io/bitnami/redis'],
    [['localhost:5000'], 'localhost:5000/app:v1'],
  ])('%j take %s', (registries, image) => {
    expect(imageProblem({ registries }, image)).toBeNull();
  });

  test.each([
    [['ghcr.io'], 'nginx'],
    [['ghcr.io'], 'ghcr.io.evil.example/app'],
    [['ghcr.io'], 'evil.example/ghcr.io/app'],
    [['ghcr.io'], 'evil.example/app@ghcr.io/example/app'],
    [['ghcr.io'], 'ghcr.io@evil.example/app'],
    [['ghcr.io'], 'ghcr.io:443/example/app'],
    [['ghcr.io'], 'GHCR.IO/example/app'],
    [['ghcr.io'], 'https://ghcr.io/example/app'],
    [['ghcr.io'], ' ghcr.io/example/app'],
    [['ghcr.io'], 'ghcr.io'],
    [['ghcr.io'], '/ghcr.io/app'],
    [['ghcr.io'], ''],
    [['ghcr.io/example'], 'ghcr.io/example2/app'],
    [['ghcr.io/example'], 'ghcr.io/Example/app'],
    [['docker.io'], 'EVIL/app'],
    [['docker.io'], 'localhost/app'],
    [['docker.io/nginx'], 'docker.io/nginx'],
    [['docker.io/library'], 'bitnami/redis'],
    [['localhost:5000'], 'localhost/app'],
    [['docker.io'], '$(params.image)'],
    [['docker.io'], '{{inputs.parameters.image}}'],
    [['ghcr.io/example'], 'ghcr.io/example/$(params.name)'],
    [['ghcr.io/example'], 'ghcr.io/example/../evil/app'],
    [['docker.io'], '{"repository":"nginx","tag":1}'],
    [[], 'nginx'],
  ])('%j do not take %j', (registries, image) => {
    expect(imageProblem({ registries }, image)).toBe(`image ${image} is not of ${registries.join(', ')}`);
  });
});

describe('a digest', () => {
  test.each([`a@sha256:${HEX}`, `a:v1@sha256:${HEX}`, `a@sha512:${HEX}${HEX}`, `a@sha384:${'b'.repeat(96)}`])(
    '%s',
    (image) => {
      expect(imageProblem({ digests: true }, image)).toBeNull();
    },
  );

  test.each([
    'a',
    'a:v1',
    `a:sha256-${HEX}`,
    `a@sha256:${HEX.slice(1)}`,
    `a@sha256:${HEX}a`,
    `a@sha256:${HEX.toUpperCase()}`,
    `a@md5:${'a'.repeat(32)}`,
    `a@sha256:${HEX}\n`,
    `a@sha256:${HEX}:v1`,
    `a@sha512:${HEX}`,
    `sha256:${HEX}`,
  ])('not %j', (image) => {
    expect(imageProblem({ digests: true }, image)).toBe(`image ${image} is not named by digest`);
  });

  test('is asked for beside the registry', () => {
    const both = { digests: true, registries: ['ghcr.io'] };
    expect(imageProblem(both, `ghcr.io/a/b@sha256:${HEX}`)).toBeNull();
    expect(imageProblem(both, `nginx@sha256:${HEX}`)).toContain('is not of');
    expect(imageProblem(both, 'ghcr.io/a/b:v1')).toContain('is not named by digest');
    expect(imageProblem({ digests: false }, 'nginx')).toBeNull();
    expect(imageProblem({}, 'nginx')).toBeNull();
  });
});

test('texts of any length are judged at once', () => {
  for (const sign of ['/', ':', '@', 'a', '.', 'A/', 'a-', 'a/a_', '@sha256:']) {
    expect(imageProblem({ digests: true, registries: ['ghcr.io'] }, sign.repeat(200_000))).not.toBeNull();
    expect(imageProblem({ registries: ['ghcr.io'] }, sign.repeat(200_000))).not.toBeNull();
  }
});

test.each([
  ['nginx', 'docker.io/library/nginx', 'latest', false],
  ['nginx:1.27', 'docker.io/library/nginx', '1.27', false],
  ['localhost:5000/a/b', 'localhost:5000/a/b', 'latest', false],
  ['GHCR.io/shop/a.b_c__d---e/1', 'GHCR.io/shop/a.b_c__d---e/1', 'latest', false],
  ['[::1]:5000/a', '[::1]:5000/a', 'latest', false],
  [`ghcr.io/shop/web:1@sha256:${'0'.repeat(64)}`, 'ghcr.io/shop/web', `sha256:${'0'.repeat(64)}`, true],
])('%s is looked up in its repository', (image, repository, reference, isDigest) => {
  expect(referenceOf(image)).toEqual({ repository, reference, isDigest });
});

test.each([
  ['ghcr.io/shop/web@sha256:0'],
  ['ghcr.io/Shop/web'],
  ['ghcr.io/shop/../web'],
  ['ghcr.io/shop/./web'],
  ['ghcr.io/shop//web'],
  ['ghcr.io/shop/-web'],
  ['127%2e0.0.1/a'],
  ['１２７.0.0.1/a'],
  ['ghcr.io\\@a.example/a'],
  ['a b'],
  [''],
  ['ghcr.io/shop/web?x=1'],
  ['user@ghcr.io/a'],
])('%s is looked up nowhere', (image) => {
  expect(referenceOf(image)).toBeNull();
});
