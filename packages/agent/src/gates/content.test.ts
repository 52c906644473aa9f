import type { JsonObject, KubeObject, PolicySpec } from '@plumb/api';
import type { ChangeFacts, PolicyFacts } from '@plumb/core';
import { describe, expect, test } from 'vitest';
import { findingKey, readContent, readsContent, type Content } from './content.ts';

const change = (cause: ChangeFacts['cause'] = 'routine'): ChangeFacts => ({ cause }) as ChangeFacts;

function policy(spec: PolicySpec, name = 'p'): PolicyFacts {
  return { kind: 'ReleasePolicy', namespace: 'shop', name, generation: 1, spec, flaw: null };
}

function content(kind: string, name: string, parts: JsonObject, path = `${name}.yaml`): Content {
  const body: KubeObject = { apiVersion: 'v1', kind, metadata: { name, namespace: 'shop' }, ...parts };
  const key = { group: '', version: 'v1', kind, namespace: 'shop', name };
  return { key, body, path };
}

const P = 'ReleasePolicy/shop/p';
const settings = content('ConfigMap', 'settings', { data: { url: 'http://a.example', note: 'line\nsecret: hunter2' } });
const pod = content('Pod', 'web', { spec: { containers: [{ image: 'nginx' }, { image: 'evil.example/a' }] } });

describe('text that is forbidden', () => {
  const found = (spec: PolicySpec, contents: Content[] = [settings, pod], facts = change()): Promise<unknown> =>
    readContent([policy(spec)], facts, contents).then((all) => all.get(findingKey(P, 'forbid/f')));

  test('is told with object, file and line, in the words of the policy, and never itself', async () => {
    expect(await found({ forbid: [{ name: 'f', pattern: 'hunter\\d', message: 'no passwords' }] })).toEqual({
      broken: ['ConfigMap/shop/settings from settings.yaml, in line 10 of the object: no passwords'],
    });
    expect(await found({ forbid: [{ name: 'f', pattern: 'evil' }] })).toEqual({
      broken: ['Pod/shop/web from web.yaml, in line 9 of the object: has what f forbids'],
    });
  });

  test('is looked for in every object that is applied', async () => {
    expect(await found({ forbid: [{ name: 'f', pattern: '^kind' }] })).toEqual({
      broken: [
        'ConfigMap/shop/settings from settings.yaml, in line 2 of the object: has what f forbids',
        'Pod/shop/web from web.yaml, in line 2 of the object: has what f forbids',
      ],
    });
    expect(await found({ forbid: [{ name: 'f', pattern: 'nowhere' }] })).toEqual({ broken: [] });
    expect(await found({ forbid: [{ name: 'f', pattern: 'a' }] }, [])).toEqual({ broken: [] });
  });

  test('of an object without a file says so', async () => {
    const loose = content('ConfigMap', 'a', {}, '');
    expect(await found({ forbid: [{ name: 'f', pattern: 'kind' }] }, [loose])).toEqual({
      broken: ['ConfigMap/shop/a, in line 2 of the object: has what f forbids'],
    });
  });

  test('is found however long the lines are', async () => {
    const long = content('ConfigMap', 'a', { data: { a: `${'word '.repeat(200)}hunter2 ${'word '.repeat(200)}` } });
    expect(await found({ forbid: [{ name: 'f', pattern: 'word hunter2 word' }] }, [long])).toMatchObject({
      broken: [expect.stringContaining('line 7')],
    });
  });

  test('that cannot be looked for holds, though another object has it', async () => {
    const large = content('ConfigMap', 'large', { data: { a: 'a'.repeat(200_000) } });
    expect(await found({ forbid: [{ name: 'f', pattern: '(a?){500}[0-9]' }] }, [settings, large])).toEqual({
      trouble: expect.stringContaining('ConfigMap/shop/large: a pattern of') as string,
    });
  });

  test('is looked for for so long only, and others get their turn meanwhile', async () => {
    const large = content('ConfigMap', 'large', { data: { a: 'a'.repeat(200_000) } });
    const rules = Array.from({ length: 5 }, (_, index) => ({ name: `f${index}`, pattern: `${index}[0-9]{20}` }));
    let turns = 0;
    const count = (): void => {
      turns += 1;
      next = setImmediate(count);
    };
    let next = setImmediate(count);
    const all = await readContent([policy({ forbid: rules })], change(), Array<Content>(20).fill(large));
    clearImmediate(next);
    expect(turns).toBeGreaterThan(50);
    expect(all.get(findingKey(P, 'forbid/f0'))).toEqual({ broken: [] });
    expect(all.get(findingKey(P, 'forbid/f4'))).toEqual({
      trouble: expect.stringContaining('all patterns together are too large') as string,
    });
  });

  test('is looked for where the cause is governed', async () => {
    const rule = { name: 'f', pattern: 'kind' };
    expect(await found({ forbid: [rule] }, [settings], change('drift'))).toBeUndefined();
    expect(await found({ forbid: [{ ...rule, causes: ['drift'] }] }, [settings], change('drift'))).toBeDefined();
  });
});

test('images are told with their objects', async () => {
  const spec = { images: { registries: ['docker.io'] } };
  expect(await readContent([policy(spec)], change(), [settings, pod])).toEqual(
    new Map([[findingKey(P, 'images'), { broken: ['Pod/shop/web: image evil.example/a is not of docker.io'] }]]),
  );
  expect((await readContent([policy(spec)], change(), [settings])).get(findingKey(P, 'images'))).toEqual({
    broken: [],
  });
});

test('each policy has its own answers', async () => {
  const policies = [
    policy({ forbid: [{ name: 'f', pattern: 'kind' }] }),
    policy({ forbid: [{ name: 'f', pattern: 'x{9}' }] }, 'q'),
  ];
  const found = await readContent(policies, change(), [settings]);
  expect(found.get(findingKey(P, 'forbid/f'))).toMatchObject({ broken: [expect.any(String)] });
  expect(found.get(findingKey('ReleasePolicy/shop/q', 'forbid/f'))).toEqual({ broken: [] });
});

test.each<[string, PolicySpec, ChangeFacts['cause'], boolean]>([
  ['nothing', {}, 'routine', false],
  ['expressions only', { checks: [{ name: 'a', expression: 'true' }] }, 'routine', false],
  ['texts', { forbid: [{ name: 'f', pattern: 'a' }] }, 'routine', true],
  ['texts of another cause', { forbid: [{ name: 'f', pattern: 'a' }] }, 'drift', false],
  ['images', { images: {} }, 'prune', true],
  ['images of another cause', { images: { causes: ['drift'] } }, 'prune', false],
])('a policy of %s asks for objects: %s', async (_what, spec, cause, is) => {
  expect(readsContent(policy(spec), change(cause))).toBe(is);
  expect((await readContent([policy(spec)], change(cause), [settings])).size > 0).toBe(is);
});
