import { builtinModules } from 'node:module';

/** Which of our own packages a package may import; docs/architecture.md draws it. A package that is not named may import none. */
export const MAY_IMPORT = {
  api: [],
  core: ['api'],
  kube: ['api'],
  engine: [],
  'memory-cluster': ['api', 'kube'],
  cloud: ['api'],
  sources: ['api', 'engine'],
  render: ['api', 'core', 'engine', 'sources'],
  agent: ['api', 'core', 'kube', 'engine', 'cloud', 'sources', 'render'],
  preview: ['api', 'core', 'kube', 'engine', 'render', 'sources', 'agent', 'memory-cluster'],
  sandbox: ['api', 'kube', 'engine', 'agent'],
  cli: ['api', 'core', 'kube', 'engine', 'sources', 'render', 'agent', 'preview', 'sandbox'],
  testkit: ['api', 'core', 'kube', 'engine', 'cloud', 'sources', 'sandbox', 'memory-cluster'],
} as const satisfies Record<string, readonly string[]>;

export type PackageName = keyof typeof MAY_IMPORT;
export const PACKAGES = Object.keys(MAY_IMPORT) as PackageName[];

/** Packages that also run in a browser and decide without I/O, clock or chance. */
const PURE: readonly PackageName[] = ['api', 'core'];
/** Packages that start programs of their own. */
const STARTS_PROGRAMS: readonly PackageName[] = ['engine', 'sources', 'sandbox', 'testkit'];
const TEST_LIBRARIES = ['vitest', 'vitest/*', 'fast-check'];

interface Pattern {
  group: string[];
  message: string;
}

interface Override {
  files: string[];
  rules: Record<string, unknown>;
}

/** Overrides replace a rule's options, they do not merge: each set of files gets its full list. The last match wins. */
export function importRules(): Override[] {
  return [
    ...PACKAGES.map((name) => restrict([`packages/${name}/src/**/*.ts`], sourcePatterns(name))),
    ...PACKAGES.map((name) =>
      restrict(
        TESTS.map((files) => `packages/${name}/src/**/${files}`),
        testPatterns(name),
      ),
    ),
    restrict(['packages/cli/src/main.ts'], [...workspace('cli', []), ...testOnly()]),
    restrict(['test/**/*.ts', 'bench/**/*.ts', 'chaos/**/*.ts'], [DEEP, RELATIVE]),
    { files: PURE.map((name) => `packages/${name}/src/**/*.ts`), rules: pureRules() },
    { files: PURE.map((name) => `packages/${name}/src/**/*.test.ts`), rules: UNPURE },
  ];
}

function restrict(files: string[], patterns: Pattern[]): Override {
  return { files, rules: { 'no-restricted-imports': ['error', { patterns }] } };
}

function sourcePatterns(name: PackageName): Pattern[] {
  const patterns = [...workspace(name, []), ...doors(name)];
  if (name !== 'testkit') patterns.push(...testOnly());
  if (PURE.includes(name)) {
    patterns.push({ group: ['node:*', ...builtinModules], message: `${name} runs in a browser too: no Node modules` });
  } else if (!STARTS_PROGRAMS.includes(name)) {
    patterns.push({
      group: ['node:child_process'],
      message: `programs are started by ${STARTS_PROGRAMS.join(', ')}, tools and the command line's main.ts only`,
    });
  }
  return patterns;
}

/** Tests, what several of them share, and the programs that they start. */
const TESTS = ['*.test.ts', 'testing/*.ts'];

/** Tests may use the testkit and start what they need; their package's own imports stay within its rules. */
function testPatterns(name: PackageName): Pattern[] {
  return workspace(name, ['testkit']);
}

/** One door beside the index: a program that a test starts would load all of the testkit otherwise. */
const DEEP: Pattern = {
  group: ['@plumb/*/**', '!@plumb/testkit/small-disk'],
  message: "import from the package's index, not from inside it",
};
const RELATIVE: Pattern = { group: ['**/packages/**'], message: 'import packages by name' };

function workspace(name: PackageName, besides: readonly PackageName[]): Pattern[] {
  const allowed: readonly string[] = [...MAY_IMPORT[name], ...besides];
  const forbidden = PACKAGES.filter((other) => !allowed.includes(other));
  return [
    DEEP,
    RELATIVE,
    {
      group: forbidden.map((other) => `@plumb/${other}`),
      message: `${name} may import ${allowed.join(', ') || 'no other package'}`,
    },
  ];
}

/** Only one package talks to an API server. */
function doors(name: PackageName): Pattern[] {
  if (name === 'kube') return [];
  return [{ group: ['@kubernetes/*', 'node:http2'], message: 'only kube talks to an API server' }];
}

function testOnly(): Pattern[] {
  return [{ group: [...TEST_LIBRARIES, '**/testing/*'], message: 'for tests only' }];
}

function pureRules(): Record<string, unknown> {
  const globals = ['process', 'Buffer', 'fetch', 'setTimeout', 'setInterval', 'setImmediate', 'performance'];
  const properties = [
    ['Date', 'now'],
    ['Math', 'random'],
    ['crypto', 'randomUUID'],
  ];
  return {
    'no-restricted-globals': [
      'error',
      ...globals.map((name) => ({ name, message: 'decisions get it as an argument' })),
    ],
    'no-restricted-properties': [
      'error',
      ...properties.map(([object, property]) => ({ object, property, message: 'decisions get it as an argument' })),
    ],
  };
}

const UNPURE = { 'no-restricted-globals': 'off', 'no-restricted-properties': 'off' };
