import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isReady, readyOf, setConditions, type ConditionChange, type ConditionType } from './conditions.ts';
import type { Condition } from './schema/common.ts';

const EARLY = new Date('2026-01-01T00:00:00.900Z');
const LATE = new Date('2026-01-01T00:01:00Z');

function change(type: ConditionType, status: Condition['status'] = 'True', more: Partial<ConditionChange> = {}) {
  return {
    type,
    status,
    reason: 'Progressing',
    message: 'm',
    observedGeneration: 1,
    ...more,
  } satisfies ConditionChange;
}

const types = (list: readonly Condition[]): string[] => list.map((condition) => condition.type);

describe('setConditions', () => {
  it("keeps Flux's order: Stalled or Reconciling, Ready, then the others by name", () => {
    const list = setConditions(
      [],
      [
        change('SourceVerified'),
        change('Healthy'),
        change('Ready'),
        change('ArtifactInStorage'),
        change('Reconciling'),
      ],
      EARLY,
    );
    expect(types(list)).toEqual(['Reconciling', 'Ready', 'ArtifactInStorage', 'Healthy', 'SourceVerified']);
  });

  it('writes times in whole seconds and the generation in each condition', () => {
    const [ready] = setConditions(undefined, [change('Ready', 'False', { observedGeneration: 7 })], EARLY);
    expect(ready).toEqual({
      type: 'Ready',
      status: 'False',
      reason: 'Progressing',
      message: 'm',
      observedGeneration: 7,
      lastTransitionTime: '2026-01-01T00:00:00Z',
    });
  });

  it('moves lastTransitionTime with the status only', () => {
    const first = setConditions([], [change('Ready', 'False')], EARLY);
    const reworded = setConditions(
      first,
      [change('Ready', 'False', { message: 'other', reason: 'BuildFailed' })],
      LATE,
    );
    expect(reworded[0]).toMatchObject({ message: 'other', lastTransitionTime: '2026-01-01T00:00:00Z' });
    const turned = setConditions(reworded, [change('Ready')], LATE);
    expect(turned[0]).toMatchObject({ status: 'True', lastTransitionTime: '2026-01-01T00:01:00Z' });
  });

  it.each<[ConditionType, ConditionType]>([
    ['Stalled', 'Reconciling'],
    ['Reconciling', 'Stalled'],
  ])('I6: puts %s in the place of %s', (type, other) => {
    const list = setConditions(setConditions([], [change(other)], EARLY), [change(type)], LATE);
    expect(types(list)).toEqual([type]);
  });

  it.each<ConditionType>(['Stalled', 'Reconciling', 'FetchFailed', 'ArtifactOutdated', 'StorageOperationFailed'])(
    'takes %s away when it is no longer True',
    (type) => {
      const list = setConditions([], [change(type)], EARLY);
      expect(setConditions(list, [change(type, 'False')], LATE)).toEqual([]);
      expect(setConditions(list, [{ type, remove: true }], LATE)).toEqual([]);
    },
  );

  it('removes on request and leaves unknown types alone', () => {
    const foreign = { ...change('Ready'), type: 'example.com/Audited', lastTransitionTime: '2025-01-01T00:00:00Z' };
    const list = setConditions([foreign], [change('Healthy'), { type: 'Healthy', remove: true }], EARLY);
    expect(list).toEqual([foreign]);
  });

  it('leaves the given list as it is', () => {
    const before = setConditions([], [change('Ready'), change('Reconciling')], EARLY);
    const copy = structuredClone(before);
    setConditions(before, [change('Stalled')], LATE);
    expect(before).toEqual(copy);
  });

  it('caps messages at what the API server takes, counted in code points', () => {
    const message = '😀'.repeat(40_000);
    const [ready] = setConditions([], [change('Ready', 'True', { message })], EARLY);
    expect([...(ready?.message ?? '')]).toHaveLength(32_768);
    expect(ready?.message.endsWith('😀...')).toBe(true);
    const exact = 'x'.repeat(32_768);
    expect(setConditions([], [change('Ready', 'True', { message: exact })], EARLY)[0]?.message).toBe(exact);
  });

  it('I6: never shows Reconciling beside Stalled, an unordered list or one type twice, whatever happened', () => {
    const type = fc.constantFrom<ConditionType>('Stalled', 'Reconciling', 'Ready', 'Healthy', 'FetchFailed');
    const status = fc.constantFrom<Condition['status']>('True', 'False', 'Unknown');
    fc.assert(
      fc.property(fc.array(fc.tuple(type, status)), fc.array(fc.tuple(type, status)), (before, changes) => {
        const given = before.map(([t, s]) => ({ ...change(t, s), lastTransitionTime: '2025-01-01T00:00:00Z' }));
        const list = types(
          setConditions(
            given,
            changes.map(([t, s]) => change(t, s)),
            LATE,
          ),
        );
        expect(list.includes('Stalled') && list.includes('Reconciling')).toBe(false);
        expect(new Set(list).size).toBe(list.length);
        expect(list).toEqual(
          ['Stalled', 'Reconciling', 'Ready', 'FetchFailed', 'Healthy'].filter((t) => list.includes(t)),
        );
      }),
    );
  });
});

describe('readiness', () => {
  const metadata = { name: 'a', generation: 2 };
  const ready = setConditions([], [change('Ready', 'True')], EARLY);

  it.each<[string, unknown, boolean]>([
    ['no status', undefined, false],
    ['no condition', { observedGeneration: 2 }, false],
    ['Ready at this generation', { observedGeneration: 2, conditions: ready }, true],
    ['Ready at an older generation', { observedGeneration: 1, conditions: ready }, false],
    [
      'Ready Unknown',
      { observedGeneration: 2, conditions: setConditions(ready, [change('Ready', 'Unknown')], LATE) },
      false,
    ],
  ])('of %s', (_name, status, expected) => {
    expect(isReady({ metadata, status })).toBe(expected);
  });

  it('finds the Ready condition', () => {
    expect(readyOf({ metadata, status: { conditions: ready } })?.reason).toBe('Progressing');
    expect(readyOf({ metadata })).toBeUndefined();
  });
});
