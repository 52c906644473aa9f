import { keyOf } from '@plumb/api';
import { expect, test } from 'vitest';

import { CONFIG_MAP, configMap, failureOf, readEvents, short, uniqueName, WIDGET, widget } from './fixtures.ts';
import type { Subject } from './fixtures.ts';

/** Lists, selectors, watches. */
export function readContract(subject: () => Subject): void {
  test('selectors choose', async () => {
    const { cluster, namespace } = subject();
    const run = uniqueName();
    for (const [name, labels] of Object.entries({ a: { app: 'x', tier: 'web' }, b: { app: 'y' }, c: { app: 'x' } })) {
      await cluster.create(configMap(subject(), {}, { name: `${run}-${name}`, labels: { ...labels, run } }));
    }
    const found = async (labelSelector: string): Promise<string> => {
      const { items } = await cluster.list(CONFIG_MAP, { namespace, labelSelector: `run=${run}${labelSelector}` });
      return items.map((item) => item.metadata.name.slice(run.length + 1)).join(' ');
    };
    const expected = {
      '': 'a b c',
      ',app=x': 'a c',
      ',app==y': 'b',
      ',app!=x': 'b',
      ',app in (x,y)': 'a b c',
      ',app notin (y)': 'a c',
      ',tier': 'a',
      ',!tier': 'b c',
    };
    for (const [selector, names] of Object.entries(expected)) expect(await found(selector), selector).toBe(names);
    const { items } = await cluster.list(CONFIG_MAP, { fieldSelector: `metadata.name=${run}-b` });
    expect(items).toMatchObject([{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name: `${run}-b` } }]);
    const pages = await cluster.list(CONFIG_MAP, { namespace, labelSelector: `run=${run}`, limit: 1 });
    expect(pages.items).toHaveLength(3);
  });

  test.each([{ labelSelector: 'a in b' }, { fieldSelector: 'spec.size=1' }])('%o is no selector', async (selector) => {
    expect(await failureOf(subject().cluster.list(WIDGET, selector))).toMatchObject({ code: 'api-invalid' });
  });

  test('a watch tells what happened since its version, in order', async () => {
    const { cluster, namespace } = subject();
    const sent = configMap(subject(), { a: '1' });
    const { name } = sent.metadata;
    const { resourceVersion } = await cluster.list(CONFIG_MAP, { namespace });
    await cluster.create(sent);
    const changed = await cluster.patch(keyOf(sent), { data: { a: '2' } }, { type: 'merge' });
    await cluster.delete(keyOf(sent));
    const signal = AbortSignal.timeout(20_000);
    const options = { namespace, fieldSelector: `metadata.name=${name}`, signal };
    const events = await readEvents(cluster.watch(CONFIG_MAP, { ...options, resourceVersion }), 3);
    expect(short(events)).toEqual([`added ${name}`, `modified ${name}`, `deleted ${name}`]);
    expect(events[1]).toEqual({ type: 'modified', object: changed });
    expect(events[2]).toMatchObject({ object: { data: { a: '2' } } });
    const from = changed.metadata.resourceVersion ?? '';
    expect(short(await readEvents(cluster.watch(CONFIG_MAP, { ...options, resourceVersion: from }), 1))).toEqual([
      `deleted ${name}`,
    ]);
  });

  test('a watch tells what happens from now on', async () => {
    const { cluster, namespace } = subject();
    const sent = widget(subject(), { size: 1 });
    const { resourceVersion } = await cluster.list(WIDGET, { namespace });
    const options = { namespace, resourceVersion, signal: AbortSignal.timeout(20_000) };
    const events = cluster.watch(WIDGET, options)[Symbol.asyncIterator]();
    const first = events.next();
    const created = await cluster.create(sent);
    expect((await first).value).toEqual({ type: 'added', object: created });
    await events.return?.();
  });

  test('what enters a selection counts as added, what leaves it as deleted', async () => {
    const { cluster, namespace } = subject();
    const run = uniqueName();
    const sent = configMap(subject(), {});
    const { resourceVersion } = await cluster.create(sent).then((created) => created.metadata);
    for (const [labels, data] of [
      [{ run }, {}],
      [{ run }, { a: '1' }],
      [{ run: null }, {}],
    ]) {
      await cluster.patch(keyOf(sent), { metadata: { labels }, data } as never, { type: 'merge' });
    }
    const options = {
      namespace,
      labelSelector: `run=${run}`,
      resourceVersion: resourceVersion ?? '',
      signal: AbortSignal.timeout(20_000),
    };
    const events = await readEvents(cluster.watch(CONFIG_MAP, options), 3);
    const { name } = sent.metadata;
    expect(short(events)).toEqual([`added ${name}`, `modified ${name}`, `deleted ${name}`]);
    const latest = await cluster.get(keyOf(sent));
    expect(events[2]).toMatchObject({
      object: { metadata: { resourceVersion: latest?.metadata.resourceVersion, labels: { run } } },
    });
  });

  test('of metadata alone, lists and watches show nothing else, and none for none', async () => {
    const { cluster, namespace } = subject();
    const run = uniqueName();
    const options = { namespace, labelSelector: `run=${run}`, metadataOnly: true };
    const { items: none, resourceVersion } = await cluster.list(CONFIG_MAP, options);
    expect(none).toEqual([]);
    const { metadata } = await cluster.create(configMap(subject(), { a: '1' }, { labels: { run } }));
    const bare = { apiVersion: 'meta.k8s.io/v1', kind: 'PartialObjectMetadata', metadata };
    expect((await cluster.list(CONFIG_MAP, options)).items).toEqual([bare]);
    const signal = AbortSignal.timeout(20_000);
    const events = await readEvents(cluster.watch(CONFIG_MAP, { ...options, resourceVersion, signal }), 1);
    expect(events).toEqual([{ type: 'added', object: bare }]);
  });

  test('a watch tells when it is open, though nothing happens', async () => {
    const { cluster, namespace } = subject();
    const { resourceVersion } = await cluster.list(CONFIG_MAP, { namespace });
    const controller = new AbortController();
    const opened = Promise.withResolvers<string>();
    const options = { namespace, resourceVersion, signal: controller.signal, onOpen: () => opened.resolve('open') };
    const watched = readEvents(cluster.watch(CONFIG_MAP, options), 1).catch(() => undefined);
    expect(await opened.promise).toBe('open');
    controller.abort();
    await watched;
  });

  test('an aborted watch ends', async () => {
    const { cluster, namespace } = subject();
    const { resourceVersion } = await cluster.list(CONFIG_MAP, { namespace });
    const controller = new AbortController();
    const watched = readEvents(
      cluster.watch(WIDGET, { namespace: 'default', resourceVersion, signal: controller.signal }),
      1,
    );
    controller.abort();
    const ended = await watched.catch((error: unknown) => error);
    expect(Array.isArray(ended) ? ended : (ended as { code: string }).code).toEqual(
      Array.isArray(ended) ? [] : 'cancelled',
    );
  });
}
