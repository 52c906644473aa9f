import type { Health, Observed } from '@plumb/core';
import { beforeEach, describe, expect, test } from 'vitest';
import { AT } from '../../testing/builders.ts';
import { failedRun } from '../../testing/seen-release.ts';
import { ReleaseMemory } from './memory.ts';
import { noteBack, noteHealth } from './recovery.ts';

let memory: ReleaseMemory;
let live: Map<string, Observed>;
beforeEach(() => {
  memory = new ReleaseMemory({ kind: 'HelmRelease', namespace: 'shop', name: 'cart' }, 'h1');
  live = new Map();
});

describe('a cluster that is back', () => {
  test('lets a release that failed be tried at once, and one that was given up begin afresh', () => {
    memory.failed = failedRun(AT + 300_000);
    expect(noteBack(memory, AT)).toBe(true);
    expect(memory.failed.retryAt).toBe(AT);
    expect(memory.changed).toBe(true);
  });

  test('does not hold up what is due already', () => {
    memory.failed = failedRun(AT - 1);
    expect(noteBack(memory, AT)).toBe(true);
    expect(memory.failed.retryAt).toBe(AT - 1);
  });

  test('wakes no release that is well', () => {
    expect(noteBack(memory, AT)).toBe(false);
  });
});

describe('what was waited for in vain', () => {
  const seen = (status: Health['status']): Observed => ({ health: { status, message: '' } }) as Observed;
  const turns = (id: string, from: Health['status'], to: Health['status']): boolean => {
    live.set(id, seen(to));
    return noteHealth({ id, before: seen(from), after: seen(to) }, memory, live);
  };

  beforeEach(() => {
    memory.failed = failedRun(AT);
    for (const id of ['web', 'till']) {
      memory.unit.missed.add(id);
      live.set(id, seen('InProgress'));
    }
  });

  test('wakes the release when the last of it turns healthy, once', () => {
    expect(turns('web', 'InProgress', 'Current')).toBe(false);
    expect(memory.changed).toBe(false);
    expect(turns('till', 'Failed', 'Current')).toBe(true);
    expect(memory.changed).toBe(true);
    expect(turns('till', 'InProgress', 'Current')).toBe(false);
  });

  test('wakes it once for one declaration: what it makes anew with each try turns healthy too late each time', () => {
    memory.unit.missed.delete('till');
    expect(turns('web', 'InProgress', 'Current')).toBe(true);
    memory.changed = false;
    memory.unit.missed.add('till');
    expect(turns('till', 'InProgress', 'Current')).toBe(false);
    expect(memory.changed).toBe(false);
    memory.failed = failedRun(AT, { inputs: 'another declaration' });
    memory.unit.missed.add('till');
    expect(turns('till', 'InProgress', 'Current')).toBe(true);
  });

  test('may be what a stage was kept back for', () => {
    memory.unit.missed.clear();
    memory.unit.overdue.add('definition');
    expect(turns('definition', 'InProgress', 'Current')).toBe(true);
    expect(memory.changed).toBe(true);
  });

  test('does not while one that turned healthy is so no longer', () => {
    turns('web', 'InProgress', 'Current');
    turns('web', 'Current', 'InProgress');
    expect(turns('till', 'InProgress', 'Current')).toBe(false);
    expect(turns('web', 'InProgress', 'Current')).toBe(true);
  });

  test('does not by changes that are no turn, nor by other objects', () => {
    memory.unit.missed.delete('till');
    expect(turns('web', 'Current', 'Current')).toBe(false);
    expect(turns('other', 'InProgress', 'Current')).toBe(false);
    live.delete('web');
    expect(noteHealth({ id: 'web', before: seen('Current'), after: undefined }, memory, live)).toBe(false);
    expect(memory.changed).toBe(false);
  });
});
