import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { createEngine } from './create-engine.ts';
import type { Engine, EngineError, EngineFile, EngineOptions } from './engine.ts';
import { enginePath, fakeHelper } from './testing/fake-helper.ts';
import { askFor } from './testing/render-chart.ts';

const open: Engine[] = [];

function engineWith(options: Partial<EngineOptions> = {}): Engine {
  const engine = createEngine({ path: enginePath, slots: 1, ...options });
  open.push(engine);
  return engine;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((engine) => engine.close()));
});

function file(path: string, text: string): EngineFile {
  return { path, content: new TextEncoder().encode(text) };
}

function configMap(name: string): EngineFile {
  return file(`${name}.yaml`, `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\n`);
}

const small = [file('kustomization.yaml', 'resources: [a.yaml]\n'), configMap('a')];

const deployment = (name: string): string => `apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}}
spec:
  template:
    spec:
      containers:
      - {name: main, image: "main:1"}
      - {name: side, image: "side:1"}
`;

/** Takes a second or so: one patch over many Deployments. */
const slow = [
  file(
    'kustomization.yaml',
    'resources: [many.yaml]\npatches:\n- target: {kind: Deployment}\n  patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: all}\n    spec: {replicas: 2}\n',
  ),
  file('many.yaml', Array.from({ length: 900 }, (_, index) => deployment(`d${index}`)).join('---\n')),
];

function build(
  engine: Engine,
  files: readonly EngineFile[] = small,
  more: { deadline?: number; signal?: AbortSignal; path?: string; tenant?: string } = {},
): ReturnType<Engine['kustomizeBuild']> {
  return engine.kustomizeBuild({ files, path: '.', deadline: 20_000, ...more });
}

/** Process ids of helpers that this process started and that still run. */
function children(): number[] {
  return execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(process.pid)], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(enginePath))
    .map((line) => Number.parseInt(line, 10));
}

/** Settles once the helpers that run are as many. */
async function running(engine: Engine, count: number): Promise<void> {
  await expect.poll(async () => (await engine.usage()).running, { timeout: 5_000, interval: 5 }).toBe(count);
}

describe('a build', () => {
  test('gives each object as JSON with its file', async () => {
    const result = await build(engineWith());
    expect(result).toEqual({
      objects: [{ json: '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}', origin: 'a.yaml' }],
      warnings: [],
    });
  });

  test('reports what kustomize warns of, per request', async () => {
    const engine = engineWith();
    const warned = await build(engine, [
      file('kustomization.yaml', 'bases: []\nresources: [a.yaml]\ncommonLabels: {a: b}\n'),
      configMap('a'),
    ]);
    expect(warned.warnings).toHaveLength(2);
    expect((await build(engine)).warnings).toEqual([]);
  });

  test('that fails says why, without the place where the tree stands', async () => {
    const engine = engineWith();
    await expect(
      build(engine, [file('a/kustomization.yaml', 'resources: [../b]\n')], { path: 'a' }),
    ).rejects.toMatchObject({
      name: 'EngineError',
      code: 'failed',
      message: expect.not.stringContaining('plumb-tree') as string,
    });
    await running(engine, 1);
  });

  test.each([
    ['a file above the tree', ['../x']],
    ['an absolute file', ['/etc/passwd']],
    ['a file twice', ['a', 'a']],
    ['a file that is a folder too', ['a', 'a/b']],
  ])('refuses %s', async (_name, paths) => {
    await expect(
      build(
        engineWith(),
        paths.map((path) => file(path, 'x')),
      ),
    ).rejects.toMatchObject({ code: 'failed' });
  });

  test.each([
    ['a file of the machine', 'resources: [/etc/hostname]'],
    ['a file of the machine by a long way up', 'resources: [../../../../../../etc/hostname]'],
    ['a generator over a file of the machine', 'configMapGenerator: [{name: a, files: [../../../../etc/hostname]}]'],
    ['a repository', 'resources: ["https://127.0.0.1:1/a/b?ref=v1"]'],
    ['a web page', 'resources: ["http://127.0.0.1:1/x.yaml"]'],
    ['a chart', 'helmCharts: [{name: x, repo: "http://127.0.0.1:1"}]'],
  ])('cannot reach %s', async (_name, kustomization) => {
    await expect(build(engineWith(), [file('kustomization.yaml', kustomization)])).rejects.toMatchObject({
      code: 'failed',
    });
  });

  test('keeps integers of any size, and refuses duplicate keys', async () => {
    const files = [
      file('kustomization.yaml', 'resources: [a.yaml]'),
      file('a.yaml', 'apiVersion: v1\nkind: T\nmetadata: {name: a}\nn: 12345678901234567890123\n'),
    ];
    expect((await build(engineWith(), files)).objects[0]?.json).toContain('"n":12345678901234567890123');
    const twice = [
      file('kustomization.yaml', 'resources: [a.yaml]'),
      file('a.yaml', 'apiVersion: v1\nkind: T\nmetadata: {name: a}\nn: 1\nn: 2\n'),
    ];
    await expect(build(engineWith(), twice)).rejects.toThrow('line 5: duplicate key "n"');
  });
});

describe('an openapi schema of one build', () => {
  /** A schema that knows Deployments but not how their containers merge. */
  const schema = JSON.stringify({
    definitions: {
      'io.k8s.api.apps.v1.Deployment': {
        type: 'object',
        properties: { spec: { type: 'object' } },
        'x-kubernetes-group-version-kind': [{ group: 'apps', kind: 'Deployment', version: 'v1' }],
      },
    },
  });
  const patched = (more: string): EngineFile[] => [
    file('kustomization.yaml', `resources: [d.yaml]\npatches: [{path: p.yaml}]\n${more}`),
    file('d.yaml', deployment('web')),
    file(
      'p.yaml',
      'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{name: main, env: [{name: A, value: b}]}]}}}\n',
    ),
    file('schema.json', schema),
  ];
  const images = (result: { objects: { json: string }[] }): string[] =>
    [...(result.objects[0]?.json ?? '').matchAll(/"image":"([^"]+)"/g)].map((match) => match[1] ?? '');

  test.each([
    'openapi: {path: schema.json}\n',
    '"open\\x61pi": {path: schema.json}\n',
    'OpenAPI: {path: schema.json}\n',
  ])('does not change the next build (%j)', async (key) => {
    const engine = engineWith();
    await build(engine, patched(key));
    expect(images(await build(engine, patched('')))).toEqual(['main:1', 'side:1']);
  });

  test('in a base does not change the next build either', async () => {
    const engine = engineWith();
    await build(
      engine,
      [
        file('top/kustomization.yaml', 'resources: [../base]\n'),
        ...patched('openapi: {path: schema.json}\n').map(({ path, content }) => ({ path: `base/${path}`, content })),
      ],
      { path: 'top' },
    );
    expect(images(await build(engine, patched('')))).toEqual(['main:1', 'side:1']);
  });

  test('ends the process after it, and only then', async () => {
    const engine = engineWith();
    await build(engine);
    const [first] = children();
    await build(engine);
    expect(children()).toEqual([first]);
    await build(engine, patched('openapi: {path: schema.json}\n'));
    await build(engine);
    expect(children()).not.toContain(first);
  });
});

describe('a request that takes too long', () => {
  test('fails with timeout, and the next works', async () => {
    const engine = engineWith();
    await build(engine);
    await expect(build(engine, slow, { deadline: 60 })).rejects.toMatchObject({
      code: 'timeout',
      message: 'kustomize.build took longer than 60 ms',
    });
    expect((await build(engine)).objects).toHaveLength(1);
  });

  test('is counted in the usage although it never answered', async () => {
    const engine = engineWith();
    await build(engine);
    const before = (await engine.usage()).cpuSeconds;
    await expect(build(engine, slow, { deadline: 500 })).rejects.toMatchObject({ code: 'timeout' });
    await running(engine, 0);
    expect((await engine.usage()).cpuSeconds - before).toBeGreaterThan(0.02);
  });

  test('names the whole deadline, though a helper that was slow to start left less of it', async () => {
    using helper = fakeHelper('setTimeout(hello, 50); process.stdin.resume();');
    await expect(build(engineWith({ path: helper.path }), small, { deadline: 1_000 })).rejects.toMatchObject({
      code: 'timeout',
      message: 'kustomize.build took longer than 1000 ms',
    });
  });

  test('says the same when it is the helper that gives up first', async () => {
    using helper = fakeHelper(
      "hello(); onCall(({ id }) => answer(id, { error: { code: 'timeout', message: 'deadline exceeded' } }));",
    );
    await expect(build(engineWith({ path: helper.path }), small, { deadline: 5_000 })).rejects.toMatchObject({
      code: 'timeout',
      message: 'kustomize.build took longer than 5000 ms',
    });
  });

  test('while waiting for a slot fails at its own deadline', async () => {
    const engine = engineWith();
    const first = build(engine, slow);
    await expect(build(engine, small, { deadline: 30 })).rejects.toMatchObject({ code: 'timeout' });
    expect((await first).objects).toHaveLength(900);
  });
});

describe('helpers are shared', () => {
  const anyAnswer = 'hello(); onCall(({ id }) => setTimeout(() => answer(id), 5));';

  test('tenants take turns: who asks a lot keeps nobody else waiting', async () => {
    using helper = fakeHelper(anyAnswer);
    const engine = engineWith({ path: helper.path });
    const order: string[] = [];
    const asked = ['a1', 'a2', 'a3', 'b1', 'a4', 'c1', 'b2'].map(async (name) => {
      await build(engine, small, { tenant: name.slice(0, 1) });
      order.push(name);
    });
    await Promise.all(asked);
    expect(order).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3', 'a4']);
  });

  test('what a unit allows itself does not take one for longer than five minutes, a minute for a chart, or half a minute for values and variables', async () => {
    using helper = fakeHelper(
      "hello({ operations: ['kustomize.build', 'substitute', 'helm.values', 'helm.chart', 'helm.template', 'helm.digest'] });" +
        "onCall(({ id, deadline }) => answer(id, { error: { code: 'failed', message: String(deadline) } }));",
    );
    const engine = engineWith({ path: helper.path });
    const day = 86_400_000;
    const given = async (call: Promise<unknown>): Promise<number> =>
      call.then(
        () => 0,
        (error: EngineError) => Number(error.message),
      );
    expect(await given(build(engine, small, { deadline: day }))).toBe(300_000);
    const substitution = { objects: ['{"a":"$b"}'], variables: {}, strict: false, deadline: day };
    expect(await given(engine.substitute(substitution))).toBe(30_000);
    const chart = new Uint8Array();
    expect(await given(askFor(engine, { chart, deadline: day }))).toBe(60_000);
    expect(await given(engine.helmValues({ layers: [], deadline: day }))).toBe(30_000);
    expect(await given(engine.helmChart({ chart, deadline: day }))).toBe(30_000);
    expect(await given(engine.helmDigest({ record: '{}', deadline: day }))).toBe(30_000);
  });
});

describe('a cancelled request', () => {
  test('fails at once, and its slot works again', async () => {
    const engine = engineWith();
    await build(engine);
    const abort = new AbortController();
    const started = performance.now();
    const cancelled = build(engine, slow, { signal: abort.signal });
    setTimeout(() => abort.abort(), 20);
    await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' });
    expect(performance.now() - started).toBeLessThan(1_500);
    expect((await build(engine)).objects).toHaveLength(1);
  });

  test('never starts when it was cancelled before, or while it waited', async () => {
    const engine = engineWith();
    await expect(build(engine, small, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'cancelled' });
    expect((await engine.usage()).running).toBe(0);
    const first = build(engine, slow);
    const abort = new AbortController();
    const waiting = build(engine, small, { signal: abort.signal });
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
    await first;
  });
});

describe('a helper that dies', () => {
  test('fails its request with crashed, and the next gets a new process', async () => {
    const engine = engineWith();
    await build(engine);
    const [pid] = children();
    const failed = build(engine, slow);
    setTimeout(() => process.kill(pid ?? 0, 'SIGKILL'), 20);
    await expect(failed).rejects.toMatchObject({ code: 'crashed', message: 'the helper ended (SIGKILL)' });
    expect((await build(engine)).objects).toHaveLength(1);
  });

  test('while idle is replaced without a failure', async () => {
    const engine = engineWith();
    await build(engine);
    process.kill(children()[0] ?? 0, 'SIGKILL');
    await running(engine, 0);
    expect((await build(engine)).objects).toHaveLength(1);
  });

  test('with words on its lips has them in the error', async () => {
    using helper = fakeHelper("hello(); onCall(() => { console.error('no more memory'); process.exit(3); });");
    await expect(build(engineWith({ path: helper.path }))).rejects.toMatchObject({
      code: 'crashed',
      message: 'the helper ended (exit code 3): no more memory',
    });
  });

  test('that is not there at all is crashed', async () => {
    await expect(build(engineWith({ path: '/nonexistent/engine' }))).rejects.toMatchObject({ code: 'crashed' });
  });

  test('for want of memory says so', async () => {
    const engine = engineWith({ memoryLimit: 48 * 1024 * 1024 });
    const levels = [...'bcdefghi'].map((name, at) => `${name}: &${name} [${`*${'abcdefgh'[at]}, `.repeat(9)}]`);
    const bomb = file('a.yaml', `apiVersion: v1\nkind: T\nmetadata: {name: a}\na: &a [x]\n${levels.join('\n')}\n`);
    await expect(build(engine, [file('kustomization.yaml', 'resources: [a.yaml]'), bomb])).rejects.toMatchObject({
      code: 'crashed',
      message: 'the helper ended (exit code 3): engine: out of memory: more than 48 MiB used',
    });
  });
});

describe('a helper that does not keep to the protocol', () => {
  test.each([
    ['garbage instead of frames', "process.stdout.write('this is not a frame at all');"],
    [
      'a frame larger than allowed',
      'const b = Buffer.alloc(8); b.writeUInt32BE(0xf0000000, 0); process.stdout.write(b);',
    ],
    [
      'a header larger than its frame',
      'const b = Buffer.alloc(16); b.writeUInt32BE(12, 0); b.writeUInt32BE(99, 4); process.stdout.write(b);',
    ],
    [
      'a header that is not JSON',
      "const b = Buffer.alloc(12); b.writeUInt32BE(8, 0); b.writeUInt32BE(4, 4); b.write('nope', 8); process.stdout.write(b);",
    ],
    ['no hello', 'answer(1);'],
    ['another version', 'hello({ protocol: 1 });'],
    ['an operation less', 'hello({ operations: [] });'],
    ['an answer to nothing', 'hello(); onCall(({ id }) => answer(id + 1));'],
    ['an answer without its parts', 'hello(); onCall(({ id }) => send({ id }));'],
    ['garbage in mid-answer', "hello(); onCall(() => process.stdout.write('x'.repeat(100)));"],
    [
      'objects that do not fill the answer',
      "hello(); onCall(({ id }) => send({ id, usage, result: { objects: [{ size: 2, origin: '' }] } }, Buffer.from('{}{}')));",
    ],
  ])('%s fails the request', async (_name, script) => {
    using helper = fakeHelper(`${script}\nprocess.stdin.resume();`);
    await expect(build(engineWith({ path: helper.path }))).rejects.toMatchObject({ code: 'protocol' });
  });

  test('frames in small pieces are put together', async () => {
    using helper = fakeHelper(`
      const whole = process.stdout.write.bind(process.stdout);
      process.stdout.write = (data) => { for (const byte of data) whole(Buffer.of(byte)); };
      hello(); onCall(({ id }) => answer(id));`);
    expect((await build(engineWith({ path: helper.path }))).objects).toEqual([]);
  });
});

describe('the real helper', () => {
  test('sees nothing of this process’s environment, and ends when its input does', async () => {
    const engine = engineWith();
    await build(engine);
    const [pid] = children();
    expect(readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').filter(Boolean)).toEqual(['PATH=']);
    await engine.close();
    expect(children()).toEqual([]);
    await expect(build(engine)).rejects.toMatchObject({ code: 'cancelled' });
  });

  test('refuses a request larger than a frame before it is sent', async () => {
    const big = { path: 'a', content: new Uint8Array(129 * 1024 * 1024) };
    const engine = engineWith();
    await expect(build(engine, [big])).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringContaining('is larger than') as string,
    });
    expect((await build(engine)).objects).toHaveLength(1);
  });
});

describe('slots', () => {
  test('run side by side, each its own process, and no more than asked', async () => {
    const engine = engineWith({ slots: 2 });
    const results = await Promise.all(Array.from({ length: 20 }, () => build(engine)));
    expect(results.every(({ objects }) => objects.length === 1)).toBe(true);
    expect(children()).toHaveLength(2);
  });

  test('are filled one by one: calls in a row need one process', async () => {
    const engine = engineWith({ slots: 4 });
    await build(engine);
    await build(engine);
    expect((await engine.usage()).running).toBe(1);
  });

  test('stop when idle and start again on demand; what they cost stays counted', async () => {
    const engine = engineWith({ idleTimeout: 20 });
    await build(engine);
    const before = await engine.usage();
    await running(engine, 0);
    expect((await build(engine)).objects).toHaveLength(1);
    const after = await engine.usage();
    expect(after.cpuSeconds).toBeGreaterThan(before.cpuSeconds);
    expect(after.peakRssBytes).toBeGreaterThan(1_000_000);
  });

  test('are not taken to be as large as the process that started them', async () => {
    const large = Buffer.alloc(400 * 1024 * 1024, 1);
    const engine = engineWith();
    await build(engine);
    expect((await engine.usage()).peakRssBytes).toBeLessThan(large.length / 2);
  });

  test('replace a process that asks for it', async () => {
    using helper = fakeHelper(
      'hello(); onCall(({ id }) => answer(id, { recycle: true, warnings: [String(process.pid)] }));',
    );
    const engine = engineWith({ path: helper.path });
    const first = (await build(engine)).warnings;
    expect((await build(engine)).warnings).not.toEqual(first);
  });

  test('replace a process that has grown too large', async () => {
    using helper = fakeHelper(
      'hello(); onCall(({ id }) => answer(id, { usage: { cpuSeconds: 1, peakRssBytes: 300 * 1024 * 1024 }, warnings: [String(process.pid)] }));',
    );
    const engine = engineWith({ path: helper.path });
    const first = (await build(engine)).warnings;
    expect((await build(engine)).warnings).not.toEqual(first);
    expect((await engine.usage()).cpuSeconds).toBeGreaterThanOrEqual(2);
  });
});
