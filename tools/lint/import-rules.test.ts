import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { MAY_IMPORT, PACKAGES } from './import-rules.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

interface Case {
  name: string;
  path: string;
  code: string;
  /** Part of the complaint; null when there must be none. */
  complaint: string | null;
}

const CASES: readonly Case[] = [
  { name: 'core may import api', path: 'packages/core/src/a.ts', code: importing('@plumb/api'), complaint: null },
  {
    name: 'core may not import kube',
    path: 'packages/core/src/b.ts',
    code: importing('@plumb/kube'),
    complaint: 'core may import api',
  },
  {
    name: 'engine may import no package',
    path: 'packages/engine/src/a.ts',
    code: importing('@plumb/api'),
    complaint: 'engine may import no other package',
  },
  {
    name: 'agent may not import sandbox',
    path: 'packages/agent/src/a.ts',
    code: importing('@plumb/sandbox'),
    complaint: 'agent may import',
  },
  {
    name: 'a type import counts',
    path: 'packages/kube/src/a.ts',
    code: "import type { A } from '@plumb/core';\nexport type B = A;\n",
    complaint: 'kube may import api',
  },
  {
    name: 'a re-export counts',
    path: 'packages/kube/src/b.ts',
    code: "export { x } from '@plumb/core';\n",
    complaint: 'kube may import api',
  },
  {
    name: 'nobody reaches inside a package',
    path: 'packages/agent/src/b.ts',
    code: importing('@plumb/core/src/plan.ts'),
    complaint: 'not from inside it',
  },
  {
    name: 'nobody goes round the name',
    path: 'packages/agent/src/c.ts',
    code: importing('../../../packages/core/src/plan.ts'),
    complaint: 'import packages by name',
  },
  {
    name: 'sources may not use the testkit',
    path: 'packages/agent/src/d.ts',
    code: importing('@plumb/testkit'),
    complaint: 'agent may import',
  },
  {
    name: 'tests may use the testkit',
    path: 'packages/agent/src/d.test.ts',
    code: importing('@plumb/testkit'),
    complaint: null,
  },
  {
    name: 'so may a program that a test starts, by the door that is for it',
    path: 'packages/agent/src/testing/d-process.ts',
    code: importing('@plumb/testkit/small-disk'),
    complaint: null,
  },
  {
    name: 'tests keep to the rules of their package',
    path: 'packages/core/src/d.test.ts',
    code: importing('@plumb/agent'),
    complaint: 'core may import',
  },
  {
    name: 'sources may not use the test library',
    path: 'packages/agent/src/e.ts',
    code: importing('vitest'),
    complaint: 'for tests only',
  },
  {
    name: 'what tests share may use the test library',
    path: 'packages/core/src/testing/shared.ts',
    code: importing('fast-check'),
    complaint: null,
  },
  {
    name: 'sources may not use what tests share',
    path: 'packages/core/src/shared.ts',
    code: importing('./testing/e.ts'),
    complaint: 'for tests only',
  },
  {
    name: 'api needs no Node module',
    path: 'packages/api/src/a.ts',
    code: importing('node:fs'),
    complaint: 'no Node modules',
  },
  {
    name: 'core starts no program',
    path: 'packages/core/src/e.ts',
    code: importing('node:child_process'),
    complaint: 'no Node modules',
  },
  {
    name: 'core has no clock',
    path: 'packages/core/src/f.ts',
    code: 'export const now = Date.now();\n',
    complaint: 'as an argument',
  },
  {
    name: 'render starts no program',
    path: 'packages/render/src/a.ts',
    code: importing('node:child_process'),
    complaint: 'programs are started by',
  },
  {
    name: 'sources starts git',
    path: 'packages/sources/src/a.ts',
    code: importing('node:child_process'),
    complaint: null,
  },
  {
    name: 'the command line starts programs in main.ts',
    path: 'packages/cli/src/main.ts',
    code: importing('node:child_process'),
    complaint: null,
  },
  {
    name: 'the command line starts none elsewhere',
    path: 'packages/cli/src/a.ts',
    code: importing('node:child_process'),
    complaint: 'programs are started by',
  },
  {
    name: 'only kube talks to an API server',
    path: 'packages/agent/src/f.ts',
    code: importing('@kubernetes/client-node'),
    complaint: 'only kube talks',
  },
  {
    name: 'kube talks to an API server',
    path: 'packages/kube/src/c.ts',
    code: importing('node:http2'),
    complaint: null,
  },
  {
    name: 'only main.ts reads the environment',
    path: 'packages/agent/src/g.ts',
    code: 'export const home = process.env.HOME;\n',
    complaint: 'process.env',
  },
  {
    name: 'main.ts reads the environment',
    path: 'packages/agent/src/main.ts',
    code: 'export const home = process.env.HOME;\n',
    complaint: null,
  },
];

function importing(specifier: string): string {
  return `import { x } from '${specifier}';\n\nexport const y = x;\n`;
}

describe('import rules', () => {
  let folder: string;
  let complaints: Map<string, string>;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'plumb-lint-'));
    for (const { path, code } of CASES) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), code);
    }
    writeFileSync(join(folder, 'oxlint.config.ts'), `export { default } from '${join(ROOT, 'oxlint.config.ts')}';\n`);
    complaints = lint(folder);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each(CASES)('$name', ({ path, complaint }) => {
    const found = complaints.get(path) ?? '';
    expect(found).toContain(complaint ?? '');
    expect(found !== '').toBe(complaint !== null);
  });
});

test('every package has its row, and declares no package it may not import', () => {
  expect(readdirSync(join(ROOT, 'packages')).sort()).toEqual([...PACKAGES].sort());
  for (const name of PACKAGES) {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'packages', name, 'package.json'), 'utf8')) as {
      dependencies?: Record<string, string>;
    };
    const declared = Object.keys(manifest.dependencies ?? {}).filter((dependency) => dependency.startsWith('@plumb/'));
    const allowed = MAY_IMPORT[name].map((dependency) => `@plumb/${dependency}`);
    expect(allowed, `@plumb/${name}`).toEqual(expect.arrayContaining(declared));
  }
});

/** All complaints by path, in one run: the linter takes longer to start than to look. */
function lint(folder: string): Map<string, string> {
  const linter = join(ROOT, 'node_modules', 'oxlint', 'bin', 'oxlint');
  const found = new Map<string, string>();
  let output: string;
  try {
    output = execFileSync(process.execPath, [linter, '--format', 'json', '.'], {
      cwd: folder,
      encoding: 'utf8',
      stdio: 'pipe',
    });
  } catch (error) {
    output = (error as { stdout: string }).stdout;
  }
  const { diagnostics } = JSON.parse(output) as { diagnostics: { filename: string; message: string; help?: string }[] };
  for (const { filename, message, help } of diagnostics) {
    found.set(filename, `${found.get(filename) ?? ''}${message} ${help ?? ''}\n`);
  }
  return found;
}
