import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { STATE_ACTIONS, TRANSITIONS } from '@plumb/core';
import type { ActionOutcome, StateName } from '@plumb/core';
import { describe, expect, test } from 'vitest';

const page = readFileSync(join(import.meta.dirname, '../../docs/spec/helmrelease.md'), 'utf8');
const sectionOf = (heading: string): string => new RegExp(`^#+ ${heading}\\n([\\s\\S]*?)^#`, 'm').exec(page)?.[1] ?? '';
const states = Object.keys(STATE_ACTIONS) as StateName[];
const named = (cell = ''): string[] => [...cell.matchAll(/`(\w+)`/g)].map(([, name = '']) => name);

/** The rows of a table, by the state they begin with. */
function rowsIn(section: string): Map<string, string[]> {
  const rows = [...section.matchAll(/^\| `(\w+)` \|(.*)\|$/gm)];
  return new Map(rows.map(([, state = '', cells = '']) => [state, cells.split('|').map((cell) => cell.trim())]));
}

/** What a state does, in the words of the page. */
const WORDS = {
  install: /install/,
  upgrade: /upgrade/,
  unlock: /unlocked/,
  test: /test/,
  rollback: /rollback/,
  uninstall: /uninstalled/,
  'uninstall-remediation': /uninstall/,
  correct: /put right/,
} as const satisfies Record<(typeof STATE_ACTIONS)[StateName][number], RegExp>;

describe('the page of HelmRelease', () => {
  test('has each state, and what is done in it', () => {
    const rows = rowsIn(sectionOf('States'));
    expect([...rows.keys()].toSorted()).toEqual(states.toSorted());
    // A forced upgrade is told below the table.
    const isForced = (state: StateName, action: string): boolean =>
      action === 'upgrade' && ['InSync', 'Drifted', 'Untested'].includes(state);
    const untold = states.flatMap((state) =>
      STATE_ACTIONS[state].filter(
        (action) => !isForced(state, action) && !WORDS[action].test(rows.get(state)?.[1] ?? ''),
      ),
    );
    expect(untold).toEqual([]);
    expect(sectionOf('States')).toMatch(/force request .*`InSync`, `Drifted`, `Untested` and `Failed`/);
  });

  test('says where actions lead as the table of transitions has it', () => {
    const rows = rowsIn(sectionOf('Where actions lead'));
    const outcomes = ['succeeded', 'failed', 'unstored', 'killed'] as const satisfies readonly ActionOutcome[];
    const told = states.map((state) => [state, ...outcomes.map((_, index) => named(rows.get(state)?.[index]))]);
    expect(told).toEqual(
      states.map((state) => [state, ...outcomes.map((outcome) => [...TRANSITIONS[state][outcome]])]),
    );
  });
});
