import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap, namespace } from './support/manifests.ts';
import type { LockedGit } from './support/locked-git.ts';
import { startLockedGit } from './support/locked-git.ts';
import { condition, configMapKey, World } from './support/world.ts';

const PASSWORD = 'canary-8d21f0';

let world: World;
let locked: LockedGit;
let first: string;
beforeAll(async () => {
  world = await World.start();
  locked = await startLockedGit('shop', PASSWORD);
  const { target } = world;
  const commit = await world.repository.commit({
    'apps/namespace.yaml': namespace(target),
    'apps/settings.yaml': configMap(target, 'settings', { colour: 'green' }),
  });
  first = `main@sha1:${commit}`;
  await world.gitRepository();
  await world.kustomization('apps');
  await world.applied('apps', first);
});
afterAll(async () => {
  await world.close();
  await locked.close();
});

const open = (): string => world.repository.url;

/** Changes the source so that it cannot be fetched. @returns the message, after the looks every failure gets */
async function broken(spec: Record<string, unknown>, reason = 'GitOperationFailed'): Promise<string> {
  await world.cluster.patch(world.sourceKey(), { spec } as never, { type: 'merge' });
  const { generation } = ((await world.get(world.sourceKey())) ?? { metadata: {} }).metadata as { generation: number };
  const source = await world.until(world.sourceKey(), `fail with ${reason}`, (object) => {
    const ready = condition(object, 'Ready') as
      | { status: string; reason: string; observedGeneration?: number }
      | undefined;
    return ready?.status === 'False' && ready.reason === reason && ready.observedGeneration === generation;
  });
  expect(source?.['status']).toMatchObject({ artifact: { revision: first } });
  expect(condition(source, 'FetchFailed')).toMatchObject({ status: 'True', reason });
  const unit = await world.get(world.unitKey('apps'));
  expect(condition(unit, 'Ready')?.status).toBe('True');
  await world.event(world.sourceKey(), reason);
  return condition(source, 'Ready')?.message ?? '';
}

async function mended(spec: Record<string, unknown>): Promise<void> {
  await world.cluster.patch(world.sourceKey(), { spec } as never, { type: 'merge' });
  await world.conditionIs(world.sourceKey(), 'Ready', 'True', 'Succeeded');
}

test('a branch that does not exist', async () => {
  expect(await broken({ ref: { branch: 'nowhere' } })).toBe(
    `failed to checkout and determine revision: unable to clone '${open()}': couldn't find remote ref "refs/heads/nowhere"`,
  );
  await mended({ ref: { branch: 'main' } });
});

test('a host that cannot be reached', async () => {
  const message = await broken({ url: 'http://127.0.0.1:9/shop.git' });
  expect(message).toMatch(
    /^failed to checkout and determine revision: unable to clone 'http:\/\/127\.0\.0\.1:9\/shop\.git': host unreachable: /,
  );
  await mended({ url: open() });
});

test('a repository that is not there', async () => {
  const url = open().replace('shop.git', 'missing.git');
  expect(await broken({ url })).toBe(
    `failed to checkout and determine revision: unable to clone '${url}': repository not found`,
  );
  await mended({ url: open() });
});

test('no credentials where some are asked for', async () => {
  expect(await broken({ url: locked.lock(open()) })).toContain(
    'authentication required: no credentials were given, set spec.secretRef',
  );
});

test('a Secret that is not there', async () => {
  expect(await broken({ secretRef: { name: 'git' } }, 'AuthenticationFailed')).toBe(
    `failed to get secret '${world.namespace}/git': secrets "git" not found`,
  );
});

async function credentials(password: string): Promise<void> {
  const metadata = { name: 'git', namespace: world.namespace };
  await world.apply({ apiVersion: 'v1', kind: 'Secret', metadata, stringData: { username: 'shop', password } });
  await world.requestSource();
}

test('wrong credentials are refused without a word of them', async () => {
  const wrong = `${PASSWORD}-wrong`;
  await credentials(wrong);
  const source = await world.conditionIs(world.sourceKey(), 'Ready', 'False', 'GitOperationFailed');
  expect(condition(source, 'Ready')?.message).toContain('authentication required: the credentials were not accepted');
  expect(JSON.stringify([source, await world.events(world.sourceKey()), world.faults])).not.toContain(PASSWORD);
});

test('the right ones let it go on, and what was committed meanwhile arrives', async () => {
  const { target } = world;
  const commit = await world.repository.commit({
    'apps/settings.yaml': configMap(target, 'settings', { colour: 'blue' }),
  });
  await credentials(PASSWORD);
  await world.applied('apps', `main@sha1:${commit}`);
  expect((await world.get(configMapKey(target, 'settings')))?.['data']).toEqual({ colour: 'blue' });
  expect(await world.problems()).toEqual([]);
});
