import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { gitRepositoryMessages } from './git-repository.ts';
import { helmReleaseMessages } from './helm-release.ts';
import { kustomizationMessages } from './kustomization.ts';
import type { Channel } from './message.ts';
import { ownMessages } from './own.ts';

const PACKAGES = join(import.meta.dirname, '../../..');
const GROUPS = { gitRepositoryMessages, kustomizationMessages, helmReleaseMessages, ownMessages };

/** How a source gives an entry. A failure is given by its run's report, on the channels that its entry names. */
type Way = 'condition' | 'event' | 'failure';

/** Entries of a group that a source says, whatever name it imports the group by, and how each is given. */
function said(group: string, source: string): { entry: string; way: Way }[] {
  const imported = new RegExp(`\\b${group}(?: as (\\w+))?\\b`).exec(source);
  if (imported === null) return [];
  const uses = source.matchAll(new RegExp(`\\b${imported[1] ?? group}\\.(\\w+)(?!\\.(?:id|reason)|\\w)`, 'g'));
  return [...uses].flatMap(({ index, 1: entry = '' }) => waysOf(source, index).map((way) => ({ entry, way })));
}

/** How what is said at a place is given: at once, by a name it gets there, or by who called the function. */
function waysOf(source: string, at: number): Way[] {
  const from = source.lastIndexOf('\n}\n', at) + 1;
  const body = source.slice(from, source.indexOf('\n}\n', at));
  const statement = source.slice(Math.max(from, source.lastIndexOf(';\n', at)), at);
  const name = /const (\w+) = [^;]*$/.exec(statement)?.[1];
  const called = /function (\w+)\([^]*?\): (\w+(?:\[\])?)/.exec(body);
  if (/conditionOf\([^;]*$/.test(statement)) return ['condition'];
  if (/\bevent\(say\($/.test(statement) || /const \{[^}]*\btext\b[^}]*\} = say\($/.test(statement)) return ['event'];
  if (name !== undefined) {
    const ways: Way[] = [];
    if (new RegExp(`conditionOf\\([^;]*\\b${name}\\b`).test(body)) ways.push('condition');
    if (
      new RegExp(`\\b${name}\\.(?:message|text)\\b|\\.\\.\\.${name}\\b|[[ ]${name}\\]|\\bevent\\(${name}\\b`).test(body)
    )
      ways.push('event');
    if (ways.length > 0) return ways;
  }
  if (called?.[2] === 'EventRecord[]' || /\b\w+News\(\w+, say\($/.test(statement)) return ['event'];
  // What is given by name, or one of a list of what is said.
  if (called !== null && new RegExp(`(?:\\bevent\\(|\\[)${called[1]}\\(`).test(source)) return ['event'];
  return /\bsaid: (?:ending \? )?\[say\($|const said = \[|\bsaid\.push\(say\($/.test(statement)
    ? ['event']
    : ['failure'];
}

const sources = globSync('*/src/**/*.ts', { cwd: PACKAGES })
  .filter((path) => !path.endsWith('.test.ts') && !path.startsWith('api/'))
  .map((path) => readFileSync(join(PACKAGES, path), 'utf8'));

const EVENT: readonly Channel[] = ['event', 'log'];

test.each(Object.entries(GROUPS))('every entry of %s is given where the page says: it is true', (group, entries) => {
  const uses = sources.flatMap((source) => said(group, source));
  const rows = Object.entries<{ channels: readonly Channel[] }>(entries).map(([entry, { channels }]) => {
    const ways = new Set(uses.filter((use) => use.entry === entry).map(({ way }) => way));
    const given = new Set<Channel>([
      ...(ways.has('condition') || ways.has('failure') ? (['condition'] as const) : []),
      ...(ways.has('event') ? EVENT : []),
      ...(ways.has('failure') ? channels.filter((channel) => EVENT.includes(channel)) : []),
    ]);
    return { entry, channels: channels.toSorted(), given: [...given].toSorted() };
  });
  expect(rows.map(({ entry, given }) => ({ entry, given }))).toEqual(
    rows.map(({ entry, channels }) => ({ entry, given: channels })),
  );
});
