import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { messageRows, ownMessages } from './messages.ts';
import type { ConditionType } from './conditions.ts';
import { withGeneratedParts } from './spec-page.ts';

const ROOT = join(import.meta.dirname, '../../..');
const PAGES = {
  GitRepository: 'docs/spec/gitrepository.md',
  Kustomization: 'docs/spec/kustomization.md',
  HelmRelease: 'docs/spec/helmrelease.md',
};

const sourcesOf = (pattern: string): string =>
  globSync(pattern, { cwd: ROOT })
    .filter((path) => !path.endsWith('.test.ts') && !path.includes('/testing/'))
    .map((path) => readFileSync(join(ROOT, path), 'utf8'))
    .join('\n');

/** Counters of failures are made where they are decided on. */
const agent = ['packages/agent/src/**/*.ts', 'packages/core/src/release/*.ts'].map(sourcesOf).join('\n');
/** The metadata of an artifact are those of OCI sources. */
const isWritten = (path: string): boolean => {
  const [, field = ''] = path.split(/\W+/);
  return new RegExp(`\\b${field}\\b`).test(agent) && !/artifacts?(\[\])?\.metadata$/i.test(path);
};
const pageOf = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

test.each(Object.entries(PAGES))(
  'the page of %s has the fields and messages as they are (vitest --update writes it)',
  async (kind, path) => {
    const page = withGeneratedParts(pageOf(path), kind, isWritten);
    for (const part of ['spec', 'status', 'messages']) expect(page).toContain(`<!-- begin ${part} -->`);
    await expect(page).toMatchFileSnapshot(join(ROOT, path));
  },
);

test.each(['releasepolicy', 'change', 'approval', 'lockdown'])(
  'the page of gates about %s has the fields as they are (vitest --update writes it)',
  async (name) => {
    const path = `docs/spec/${name}.md`;
    await expect(withGeneratedParts(pageOf(path), '', isWritten)).toMatchFileSnapshot(join(ROOT, path));
  },
);

/** Entries of our own messages that sources name. */
const namedIn = (sources: string): string[] =>
  [...sources.matchAll(/\bownMessages\.(\w+)/g)].map(([, name = '']) => name);

test.each(Object.entries(PAGES))(
  'the page of %s has what its controller says in our own words, and nothing else',
  (kind) => {
    const controllers = sourcesOf(`packages/agent/src/controllers/${kind.toLowerCase()}/*.ts`);
    const said = new Set(namedIn(controllers));
    const common = ['packages/agent/src/delivery/*.ts', 'packages/agent/src/gates/*.ts'].map(sourcesOf).join('\n');
    const delivered = new Set(kind === 'GitRepository' ? [] : namedIn(common));
    const part = withGeneratedParts('<!-- begin messages -->\n<!-- end -->', kind, isWritten);
    const shown = Object.entries<(typeof ownMessages)[keyof typeof ownMessages]>(ownMessages)
      .filter(([, { text, example }]) => part.includes(text(example as never).replaceAll('\n', '<br>')))
      .map(([name]) => name);
    expect([...said].filter((name) => !shown.includes(name))).toEqual([]);
    expect(shown.filter((name) => !said.has(name) && !delivered.has(name))).toEqual([]);
  },
);

const TYPES = [
  'Ready',
  'Reconciling',
  'Stalled',
  'Healthy',
  'Drifted',
  'FetchFailed',
  'IncludeUnavailable',
  'ArtifactInStorage',
  'ArtifactOutdated',
  'BuildFailed',
  'StorageOperationFailed',
  'SourceVerified',
  'Released',
  'TestSuccess',
  'Remediated',
] as const satisfies readonly ConditionType[];

test.each(Object.entries(PAGES))(
  'the page of %s tells of every condition its controller sets, and of no other',
  (kind, path) => {
    const controller = sourcesOf(`packages/agent/src/controllers/${kind.toLowerCase()}/*.ts`);
    const section = /## Conditions\n([\s\S]*?)\n## /.exec(pageOf(path))?.[1] ?? '';
    const told = [...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, type]) => type);
    const set = TYPES.filter((type) =>
      new RegExp(`(conditionOf\\(\\w+, |Facts = \\{ failing: |failing: type = )'${type}'`).test(controller),
    );
    expect(new Set(told)).toEqual(new Set(set));
  },
);

test('every example of a condition or an event has a reason that is registered', () => {
  const reasons = new Set<string>(messageRows().flatMap(({ rows }) => rows.map(({ reason }) => reason)));
  const shown = Object.values(PAGES).flatMap((path) =>
    [...pageOf(path).matchAll(/^\s*reason: (\w+)$/gm)].map(([, reason = '']) => reason),
  );
  expect(shown.length).toBeGreaterThan(10);
  expect(shown.filter((reason) => !reasons.has(reason) && reason !== 'ProgressingWithRetry')).toEqual([]);
});
