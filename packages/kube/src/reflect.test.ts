import { PlumbError, type KindRef, type KubeObject } from '@plumb/api';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ListOptions, ListResult, WatchEvent, WatchOptions } from './cluster.ts';
import { rejection } from './fake-api.ts';
import { reflect, type ListWatch } from './reflect.ts';
import type { Reflector } from './reflector.ts';

const KIND: KindRef = { group: '', version: 'v1', kind: 'ConfigMap' };

function object(name: string, resourceVersion: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'shop', resourceVersion, labels: { app: name } },
    data: { k: 'v' },
  };
}

/** A watch whose events the test sends, and whose end it chooses. */
class Watch {
  readonly options: WatchOptions;
  readonly #ended = Promise.withResolvers<void>();
  #queue: WatchEvent[] = [];
  #wake = Promise.withResolvers<void>();

  constructor(options: WatchOptions) {
    this.options = options;
    this.#ended.promise.catch(() => {});
    options.signal.addEventListener('abort', () => this.#ended.reject(options.signal.reason));
  }

  send(...events: WatchEvent[]): void {
    this.#queue.push(...events);
    this.#wake.resolve();
  }

  end(error?: unknown): void {
    if (error === undefined) this.#ended.resolve();
    else this.#ended.reject(error);
  }

  async *events(): AsyncGenerator<WatchEvent> {
    for (;;) {
      while (this.#queue.length > 0) yield this.#queue.shift()!;
      this.#wake = Promise.withResolvers<void>();
      const over = await Promise.race([this.#ended.promise.then(() => true), this.#wake.promise.then(() => false)]);
      if (over && this.#queue.length === 0) return;
    }
  }
}

/** A server whose lists are given, and whose watches the test takes one by one. */
class Script implements ListWatch {
  lists = 0;
  readonly #answers: (ListResult | Error)[];
  readonly #watches: Watch[] = [];
  readonly #takers: ((watch: Watch) => void)[] = [];

  constructor(...answers: (ListResult | Error)[]) {
    this.#answers = answers;
  }

  /** What a list of metadata shows; by default what the next list does. */
  metadata: ListResult | undefined;

  async list(_kind: KindRef, options: ListOptions): Promise<ListResult> {
    if (options.metadataOnly === true && this.metadata !== undefined) return this.metadata;
    this.lists += 1;
    const answer = this.#answers.length > 1 ? this.#answers.shift() : this.#answers[0];
    if (answer === undefined || answer instanceof Error) throw answer ?? new Error('no list');
    return answer;
  }

  watch(_kind: KindRef, options: WatchOptions): AsyncIterable<WatchEvent> {
    const watch = new Watch(options);
    const taker = this.#takers.shift();
    if (taker === undefined) this.#watches.push(watch);
    else taker(watch);
    return watch.events();
  }

  withPriority(): this {
    return this;
  }

  next(): Promise<Watch> {
    const waiting = this.#watches.shift();
    if (waiting !== undefined) return Promise.resolve(waiting);
    const { promise, resolve } = Promise.withResolvers<Watch>();
    this.#takers.push(resolve);
    return promise;
  }
}

let stop: AbortController;
let told: string[];
let removed: KubeObject[];
let waits: number[];
let reflector: Reflector;

beforeEach(() => {
  stop = new AbortController();
  told = [];
  removed = [];
  waits = [];
});
afterEach(async () => {
  stop.abort();
  await reflector.done();
});

function run(server: ListWatch, settings: { checkInterval?: number } = {}): Reflector {
  reflector = reflect(
    server,
    KIND,
    {
      upsert: ({ metadata }) => told.push(`upsert ${metadata.name}@${metadata.resourceVersion}`),
      remove: (last) => {
        removed.push(last);
        told.push(`remove ${last.metadata.name}`);
      },
      listed: (_version, rewound) => rewound && told.push('rewound'),
      synced: (version) => told.push(`synced ${version}`),
    },
    {
      namespace: 'shop',
      labelSelector: 'app',
      signal: stop.signal,
      onInterruption: (_error, wait) => waits.push(wait),
      ...settings,
    },
  );
  return reflector;
}

test('lists, then follows the watch from there', async () => {
  const server = new Script({ resourceVersion: '10', items: [object('a', '3'), object('b', '7')] });
  await run(server).ready();
  const watch = await server.next();
  expect(watch.options).toMatchObject({ namespace: 'shop', labelSelector: 'app', resourceVersion: '10' });
  watch.send(
    { type: 'added', object: object('c', '11') },
    { type: 'modified', object: object('a', '12') },
    { type: 'deleted', object: object('b', '13') },
  );
  watch.end();
  expect((await server.next()).options.resourceVersion).toBe('13');
  expect(told).toEqual(['upsert a@3', 'upsert b@7', 'synced 10', 'upsert c@11', 'upsert a@12', 'remove b']);
  expect(removed[0]).toEqual(object('b', '13'));
});

test('a watch that was cut is resumed from the last bookmark, without a list', async () => {
  const server = new Script({ resourceVersion: '10', items: [] });
  run(server);
  const watch = await server.next();
  watch.send({ type: 'bookmark', resourceVersion: '40' });
  watch.end(new PlumbError('api-unavailable', 'cut', { fault: 'system', policy: 'retry' }));
  expect((await server.next()).options.resourceVersion).toBe('40');
  expect(server.lists).toBe(1);
  expect(waits).toHaveLength(1);
});

test('when the version has expired, a new list replaces what was known', async () => {
  const server = new Script(
    { resourceVersion: '10', items: [object('a', '3'), object('b', '7')] },
    { resourceVersion: '50', items: [object('b', '7'), object('d', '49')] },
  );
  run(server);
  (await server.next()).send({ type: 'added', object: object('c', '11') }, { type: 'expired' });
  (await server.next()).end();
  expect(told.slice(4)).toEqual(['upsert b@7', 'upsert d@49', 'remove a', 'remove c', 'synced 50']);
  const { apiVersion, kind } = object('a', '3');
  expect(removed[0]).toEqual({ apiVersion, kind, metadata: { name: 'a', namespace: 'shop', resourceVersion: '3' } });
});

test('an object that was deleted is not removed a second time by the next list', async () => {
  const server = new Script({ resourceVersion: '10', items: [object('a', '3')] }, { resourceVersion: '50', items: [] });
  run(server);
  (await server.next()).send({ type: 'deleted', object: object('a', '11') }, { type: 'expired' });
  await server.next();
  expect(told).toEqual(['upsert a@3', 'synced 10', 'remove a', 'synced 50']);
});

describe('a server in trouble', () => {
  test('is asked less and less often', async () => {
    const broken = new Error('down');
    const server = new Script(broken, broken, broken, { resourceVersion: '10', items: [] });
    await run(server).ready();
    expect(waits).toHaveLength(3);
    for (const [index, wait] of waits.entries()) {
      expect(wait).toBeGreaterThanOrEqual(100 * 2 ** index);
      expect(wait).toBeLessThanOrEqual(200 * 2 ** index);
    }
  });

  test('is never asked sooner than it said', async () => {
    const busy = new PlumbError('api-unavailable', 'busy', { fault: 'system', policy: 'retry', retryAfter: 400 });
    await run(new Script(busy, { resourceVersion: '10', items: [] })).ready();
    expect(waits[0]).toBeGreaterThanOrEqual(400);
  });

  test('that ends every watch at once is not asked in a loop', async () => {
    const server = new Script({ resourceVersion: '10', items: [] });
    run(server);
    (await server.next()).end();
    (await server.next()).end();
    await server.next();
    expect(waits).toHaveLength(2);
  });
});

test('stopping before the first list rejects ready, and ends it in the middle of a wait', async () => {
  run(new Script(new PlumbError('api-unavailable', 'busy', { fault: 'system', policy: 'retry', retryAfter: 60_000 })));
  const ready = rejection(reflector.ready());
  stop.abort();
  expect(await ready).toMatchObject({ code: 'cancelled' });
  await reflector.done();
});

describe('versions that go back', () => {
  test('are told before the list, whose objects are the state now', async () => {
    const restored = { resourceVersion: '60', items: [object('a', '50')] };
    const server = new Script(
      { resourceVersion: '100', items: [object('a', '90'), object('b', '95')] },
      restored,
      restored,
      restored,
    );
    run(server);
    (await server.next()).send({ type: 'expired' });
    expect((await server.next()).options.resourceVersion).toBe('60');
    expect(told.slice(3)).toEqual(['rewound', 'upsert a@50', 'remove b', 'synced 60']);
  });

  test('show in single objects when the server has come past our version again', async () => {
    const restored = { resourceVersion: '140', items: [object('a', '50')] };
    const server = new Script({ resourceVersion: '100', items: [object('a', '90')] }, restored, restored, restored);
    run(server);
    (await server.next()).send({ type: 'expired' });
    await server.next();
    expect(told.slice(2)).toEqual(['rewound', 'upsert a@50', 'synced 140']);
  });

  test.each([1, 2])('are none when they were in %i old answers and the next list is ahead', async (answers) => {
    const old = { resourceVersion: '60', items: [object('a', '50')] };
    const server = new Script(
      { resourceVersion: '100', items: [object('a', '90')] },
      ...Array.from({ length: answers }, () => old),
      { resourceVersion: '110', items: [object('a', '105')] },
    );
    run(server);
    (await server.next()).send({ type: 'expired' });
    await server.next();
    expect(told.slice(2)).toEqual(['upsert a@105', 'synced 110']);
  });

  test('are none when the list is as far as the last bookmark', async () => {
    const server = new Script({ resourceVersion: '10', items: [] }, { resourceVersion: '40', items: [] });
    run(server);
    (await server.next()).send({ type: 'bookmark', resourceVersion: '40' }, { type: 'expired' });
    await server.next();
    expect(told).toEqual(['synced 10', 'synced 40']);
  });
});

describe('events that never come', () => {
  const FIRST = { resourceVersion: '10', items: [object('a', '3'), object('b', '7')] };

  test.each([
    { what: 'a change', items: [object('a', '12'), object('b', '7')] },
    { what: 'a new object', items: [object('a', '3'), object('b', '7'), object('c', '12')] },
    { what: 'a deletion', items: [object('a', '3')] },
    { what: 'a state from before a restore', items: [object('a', '2'), object('b', '7')], lists: 4 },
    {
      what: 'a version from before a restore',
      items: [object('a', '3'), object('b', '7')],
      resourceVersion: '8',
      lists: 4,
    },
  ])('are found by comparing versions: $what', async ({ items, resourceVersion = '20', lists = 2 }) => {
    const now = { resourceVersion, items };
    const server = new Script(FIRST, now);
    server.metadata = now;
    run(server, { checkInterval: 30 });
    await server.next();
    expect((await server.next()).options.resourceVersion).toBe(resourceVersion);
    expect(server.lists).toBe(lists);
  });

  test('are not what the watch brings a little later', async () => {
    const server = new Script(FIRST);
    const listed = Promise.withResolvers<void>();
    server.metadata = {
      resourceVersion: '20',
      get items() {
        listed.resolve();
        return [object('a', '12'), object('b', '7')];
      },
    };
    run(server, { checkInterval: 100 });
    const watch = await server.next();
    await listed.promise;
    server.metadata = { resourceVersion: '30', items: [object('a', '12'), object('b', '7')] };
    watch.send({ type: 'modified', object: object('a', '12') });
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect(server.lists).toBe(1);
  });
});

describe('what answers have shown and the watch has not', () => {
  const FIRST = { resourceVersion: '10', items: [object('a', '3'), object('b', '7')] };

  test.each([
    { what: 'was undone by a restore', now: FIRST, lists: 4, shown: ['rewound', 'upsert a@3', 'upsert b@7'] },
    {
      what: 'was undone by a restore, and the server is past that version again',
      now: { ...FIRST, resourceVersion: '30' },
      lists: 4,
      shown: ['rewound', 'upsert a@3', 'upsert b@7'],
    },
    {
      what: 'was changed again by an event that was lost',
      now: { resourceVersion: '30', items: [object('a', '25'), object('b', '7')] },
      lists: 2,
      shown: ['upsert a@25', 'upsert b@7'],
    },
    {
      what: 'is gone',
      now: { resourceVersion: '30', items: [object('b', '7')] },
      lists: 2,
      shown: ['upsert b@7', 'remove a'],
    },
  ])('is found to be missing when it $what', async ({ now, lists, shown }) => {
    const server = new Script(FIRST, now);
    server.metadata = now;
    run(server, { checkInterval: 30 });
    await server.next();
    reflector.note(object('a', '20'));
    await server.next();
    expect(server.lists).toBe(lists);
    expect(told.slice(3)).toEqual([...shown, `synced ${now.resourceVersion}`]);
  });

  test('is not missed when the watch brings it, or something later', async () => {
    const now = { resourceVersion: '30', items: [object('a', '20'), object('b', '25')] };
    const server = new Script(FIRST, now);
    server.metadata = now;
    run(server, { checkInterval: 50 });
    const watch = await server.next();
    reflector.note(object('a', '20'));
    reflector.note(object('b', '22'));
    reflector.note(object('c', '21'));
    watch.send(
      { type: 'modified', object: object('a', '20') },
      { type: 'modified', object: object('b', '25') },
      { type: 'deleted', object: object('c', '26') },
    );
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect(server.lists).toBe(1);
  });

  test('is not taken for gone, nor the server for set back, by a list that was asked for before', async () => {
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<ListResult>();
    const server = new Script(FIRST);
    run(server);
    const watch = await server.next();
    server.list = () => {
      asked.resolve();
      return answer.promise;
    };
    watch.send({ type: 'expired' });
    await asked.promise;
    reflector.note(object('a', '20'));
    reflector.note(object('new', '21'));
    answer.resolve({ ...FIRST, resourceVersion: '15' });
    expect((await server.next()).options.resourceVersion).toBe('15');
    expect(told.slice(3)).toEqual(['upsert a@3', 'upsert b@7', 'synced 15']);
  });
});
