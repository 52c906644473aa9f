import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventsOf, hook, jobTemplate, podTemplate, says, TOLD_WITHIN } from './support/release-facts.ts';
import { Releases } from './support/releases.ts';
import { ALL_VERBS } from './support/tenant.ts';

// Simulated nodes run the Pods, and their containers write what is put here: by the name of the Pod without what its Job adds, and the container.

const logs = new Map<string, string>();
let releases: Releases;
beforeAll(async () => {
  releases = await Releases.start({
    nodes: true,
    logs: ({ pod, container }) => logs.get(`${pod.replace(/-job-\w{5}$/, '-job')}/${container}`) ?? null,
  });
});
afterAll(async () => {
  await releases.close();
});

const FAILS = { behaviour: 'fail, run=100ms', annotations: hook('pre-install') };

/** Installs what fails by its hook. @returns what the event tells of the hook's log, after why it failed */
async function told(name: string, template: string, spec: Record<string, unknown> = {}): Promise<string> {
  await releases.chart(name, { 'templates/hook.yaml': template });
  await releases.release(name, spec);
  await releases.until(name, 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
  const failed = async (): Promise<string | undefined> =>
    (await eventsOf(releases, name)).find((event) => event.startsWith('InstallFailed'));
  await expect.poll(failed, TOLD_WITHIN).toBeDefined();
  const parts = /: hook \w+\/\S+ failed: [^;]+; (.*)$/s.exec((await failed()) ?? '');
  return parts?.[1] ?? `not told of a log: ${(await failed()) ?? ''}`;
}

test('the log of the Pod of a Job that failed is in the event, its last ten lines', async () => {
  const lines = Array.from({ length: 12 }, (_, index) => `line ${index + 1}\n`);
  logs.set('told-job/main', lines.join(''));
  expect(await told('told', jobTemplate('job', FAILS))).toBe(
    `last lines of its log:\n${lines.slice(2).join('').trim()}`,
  );
});

test('what is written as JSON is shown as it is', async () => {
  const text = '{"level":"info","message":"begun"}\n{"level":"error","message":"no such table"}';
  logs.set('json-job/main', `${text}\n`);
  expect(await told('json', jobTemplate('job', FAILS))).toBe(`last lines of its log:\n${text}`);
});

test('of several containers it is the log of the one that failed', async () => {
  logs.set('several-pod/main', 'all is well\n');
  logs.set('several-pod/migrate', 'no such table\n');
  const pod = podTemplate('pod', { annotations: hook('pre-install') })
    .replace(/ {4}sandbox[^\n]*\n/, '')
    .replace(
      /containers: .*/,
      'containers: [{name: main, image: "shop/cart:1"}, {name: migrate, image: "shop/cart:fail"}]',
    );
  expect(await told('several', pod)).toBe('last lines of its log:\nno such table');
});

test('of several Pods it is that of the newest that failed', async () => {
  logs.set('again-job/main', 'tried\n');
  const job = jobTemplate('job', FAILS).replace('backoffLimit: 0', 'backoffLimit: 1');
  expect(await told('again', job, { timeout: '60s' })).toBe('last lines of its log:\ntried');
});

test('one that wrote nothing says so', async () => {
  logs.set('silent-job/main', '');
  expect(await told('silent', jobTemplate('job', FAILS))).toBe('its log is empty');
});

test('one whose Pods are gone by then says so', async () => {
  const job = jobTemplate('job', { ...FAILS, behaviour: 'run=60s' });
  const spec = 'backoffLimit: 0\n  activeDeadlineSeconds: 1';
  expect(await told('gone', job.replace('backoffLimit: 0', spec))).toBe('it has no log any more: its Pods are gone');
});

test('one that never ran on any node says so', async () => {
  const job = jobTemplate('job', FAILS).replace('restartPolicy', 'nodeSelector: {none: here}\n      restartPolicy');
  expect(await told('nowhere', job, { timeout: '6s' })).toBe('it has no log: its Pod was given no node');
});

test('who may not read logs is told that the log cannot be read', async () => {
  const { world } = releases;
  const metadata = { name: 'reader', namespace: world.namespace };
  await world.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata });
  const resources = ['secrets', 'jobs', 'pods'];
  const rules = [{ apiGroups: ['', 'batch'], resources, verbs: [...ALL_VERBS] }];
  const rbac = { apiVersion: 'rbac.authorization.k8s.io/v1', metadata };
  await world.apply({ ...rbac, kind: 'Role', rules });
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' };
  await world.apply({ ...rbac, kind: 'RoleBinding', roleRef, subjects: [{ kind: 'ServiceAccount', ...metadata }] });
  expect(await told('denied', jobTemplate('job', FAILS), { serviceAccountName: 'reader' })).toMatch(
    /^its log cannot be read: .*cannot get resource "pods\/log"/,
  );
});

test('where values come from Secrets no log is shown, and that is said', async () => {
  const { world } = releases;
  const metadata = { name: 'passwords', namespace: world.namespace };
  await world.apply({ apiVersion: 'v1', kind: 'Secret', metadata, stringData: { 'values.yaml': 'any: word\n' } });
  logs.set('secret-job/main', 'cannot sign in with hunter2\n');
  const valuesFrom = [{ kind: 'Secret', name: 'passwords' }];
  expect(await told('secret', jobTemplate('job', FAILS), { valuesFrom })).toBe(
    'its log is not shown, since its values come from Secrets',
  );
  expect(await releases.problems()).toEqual([]);
});
