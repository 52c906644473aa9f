import type { ObjectKey } from '@plumb/api';
import { keyId } from '@plumb/api';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DriftMode } from './drift-mode.ts';
import { DRIFT_MODES } from './drift-mode.ts';
import type { DesiredEntry, PlanInput } from './make-plan.ts';
import { inventoryBefore, makePlan, nextInventory } from './make-plan.ts';
import type { Applied, Observed } from './observed.ts';
import type { Action, ActionKind, Cause, ObjectRules, Plan } from './plan.ts';
import { DEFAULT_RULES } from './rules.ts';

const UNIT = { kind: 'Kustomization', namespace: 'flux-system', name: 'apps' };
const OTHER = { ...UNIT, name: 'other' };

const key = (name: string, kind = 'ConfigMap'): ObjectKey => ({
  group: '',
  version: 'v1',
  kind,
  namespace: 'shop',
  name,
});
const entry = (name: string, rules: Partial<ObjectRules> = {}): DesiredEntry => ({
  key: key(name),
  digest: 'd1',
  rules: { ...DEFAULT_RULES, ...rules },
});
const live = (fields: Partial<Observed> = {}): Observed => ({
  uid: 'u',
  resourceVersion: '1',
  ownedHash: 'h1',
  health: { status: 'Current', message: '' },
  owner: UNIT,
  ...fields,
});

interface World {
  desired?: readonly DesiredEntry[];
  observed?: Record<string, Observed>;
  applied?: Record<string, Applied>;
  inventory?: readonly ObjectKey[];
}

function input(world: World, fields: Partial<PlanInput> = {}): PlanInput {
  return {
    cause: 'routine',
    desired: world.desired ?? [],
    observed: (asked) => world.observed?.[asked.name],
    applied: (asked) => world.applied?.[asked.name],
    inventory: world.inventory ?? [],
    unit: UNIT,
    prune: true,
    ...fields,
  };
}

const actions = (plan: Plan): Action[] => plan.stages.flatMap((stage) => [...stage.actions]);
const SAME: Applied = { desiredDigest: 'd1', ownedHash: 'h1' };

test.each<[string, Observed, Applied, ActionKind]>([
  ['as another left it', live(), SAME, 'compare'],
  ['changed since by somebody', live({ ownedHash: 'h2' }), SAME, 'tolerate'],
  ['declared anew', live(), { ...SAME, desiredDigest: 'd0' }, 'change'],
])('an identity that has not applied before goes through what is %s', (_what, seen, sent, kind) => {
  const world = { desired: [entry('a')], observed: { a: seen }, applied: { a: sent } };
  expect(actions(makePlan(input(world, { unproven: true, drift: 'warn' }))).map((action) => action.kind)).toEqual([
    kind,
  ]);
});

describe('the action for one object', () => {
  const rows: readonly [
    name: string,
    rules: Partial<ObjectRules>,
    seen: Observed | null,
    sent: Applied | null,
    kind: ActionKind,
  ][] = [
    ['absent', {}, null, null, 'create'],
    ['gone after our apply', {}, null, SAME, 'create'],
    ['there, nothing known of our apply', {}, live(), null, 'compare'],
    ['there, declared anew', {}, live(), { ...SAME, desiredDigest: 'd0' }, 'change'],
    [
      'declared anew and drifted is one change',
      {},
      live({ ownedHash: 'h2' }),
      { ...SAME, desiredDigest: 'd0' },
      'change',
    ],
    ['owned fields changed by somebody', {}, live({ ownedHash: 'h2' }), SAME, 'correct'],
    ['owned by nobody any more', {}, live({ ownedHash: '' }), SAME, 'correct'],
    ['as we left it', {}, live(), SAME, 'unchanged'],
    ['reconcile disabled', { reconcile: false }, live(), null, 'skip'],
    ['reconcile disabled, absent', { reconcile: false }, null, null, 'skip'],
    ['ignored', { ssa: 'Ignore' }, live(), null, 'skip'],
    ['ignored, absent', { ssa: 'Ignore' }, null, null, 'skip'],
    ['if not present, there', { ssa: 'IfNotPresent' }, live({ ownedHash: 'h2' }), SAME, 'skip'],
    ['if not present, absent', { ssa: 'IfNotPresent' }, null, null, 'create'],
    ["if not present, another unit's is there", { ssa: 'IfNotPresent' }, live({ owner: OTHER }), null, 'create'],
    [
      "another unit's says reconcile disabled",
      {},
      live({ owner: OTHER, rules: { ...DEFAULT_RULES, reconcile: false } }),
      null,
      'create',
    ],
    ["ignored, another unit's is there", { ssa: 'Ignore' }, live({ owner: OTHER }), null, 'skip'],
    ['merge is applied as any other', { ssa: 'Merge' }, live(), { ...SAME, desiredDigest: 'd0' }, 'change'],
    [
      'the live object says reconcile disabled',
      {},
      live({ rules: { ...DEFAULT_RULES, reconcile: false } }),
      null,
      'skip',
    ],
    ['the live object says ignore', {}, live({ rules: { ...DEFAULT_RULES, ssa: 'Ignore' } }), null, 'skip'],
    [
      'the live object says prune disabled only',
      {},
      live({ rules: { ...DEFAULT_RULES, prune: false } }),
      SAME,
      'unchanged',
    ],
  ];

  test.each(rows)('%s', (...[, rules, seen, sent, kind]) => {
    const world = {
      desired: [entry('a', rules)],
      observed: seen === null ? {} : { a: seen },
      applied: sent === null ? {} : { a: sent },
    };
    expect(actions(makePlan(input(world)))).toEqual([{ kind, key: key('a'), index: 0 }]);
  });
});

describe('drift that is left', () => {
  const OTHER_DIGEST: Applied = { ...SAME, desiredDigest: 'd0' };
  const drifted = live({ ownedHash: 'h2' });
  const warned = { ...DEFAULT_RULES, drift: 'warn' } as const;
  const ENDED: Applied = { ...SAME, ended: 'complete' };
  interface Row {
    what: string;
    seen: Observed | null;
    sent: Applied | null;
    /** The last run that is known ended well with the same objects. */
    delivered?: boolean;
    rules?: Partial<ObjectRules>;
    /** By what the unit says of drift. */
    kinds: Record<'correct' | 'warn' | 'ignore', ActionKind>;
  }
  const left = { correct: 'correct', warn: 'tolerate', ignore: 'tolerate' } as const;
  const always = (kind: ActionKind) => ({ correct: kind, warn: kind, ignore: kind });
  const rows: Row[] = [
    { what: 'changed by somebody', seen: drifted, sent: SAME, kinds: left },
    { what: 'deleted by somebody', seen: null, sent: SAME, kinds: { ...left, correct: 'create' } },
    { what: 'changed by somebody, and declared anew', seen: drifted, sent: OTHER_DIGEST, kinds: always('change') },
    { what: 'deleted by somebody, and declared anew', seen: null, sent: OTHER_DIGEST, kinds: always('create') },
    { what: 'as we left it', seen: live(), sent: SAME, kinds: always('unchanged') },
    { what: 'never applied', seen: null, sent: null, kinds: always('create') },
    { what: 'there, and nothing known of us', seen: drifted, sent: null, kinds: always('compare') },
    {
      what: 'there after a restart, and delivered before',
      seen: drifted,
      sent: null,
      delivered: true,
      kinds: { ...left, correct: 'compare' },
    },
    {
      what: 'gone after a restart, and delivered before',
      seen: null,
      sent: null,
      delivered: true,
      kinds: { ...left, correct: 'create' },
    },
    {
      what: 'declared anew since it was delivered',
      seen: drifted,
      sent: OTHER_DIGEST,
      delivered: true,
      kinds: always('change'),
    },
    { what: 'a Job that has run', seen: null, sent: ENDED, kinds: always('unchanged') },
    { what: 'not to be touched', seen: drifted, sent: SAME, rules: { reconcile: false }, kinds: always('skip') },
    {
      what: 'only to be created, and there',
      seen: drifted,
      sent: SAME,
      rules: { ssa: 'IfNotPresent' },
      kinds: always('skip'),
    },
    {
      what: 'says itself to correct',
      seen: drifted,
      sent: SAME,
      rules: { drift: 'correct' },
      kinds: always('correct'),
    },
    { what: 'says itself to warn', seen: drifted, sent: SAME, rules: { drift: 'warn' }, kinds: always('tolerate') },
    {
      what: 'says on the live object to warn',
      seen: { ...drifted, rules: warned },
      sent: SAME,
      kinds: always('tolerate'),
    },
    {
      what: 'declares to correct, and says on the live object to warn',
      seen: { ...drifted, rules: warned },
      sent: SAME,
      rules: { drift: 'correct' },
      kinds: always('correct'),
    },
  ];

  describe.each(rows)('$what', ({ seen, sent, delivered = false, rules = {}, kinds }) => {
    test.each(['correct', 'warn', 'ignore'] as const)('unit: %s', (drift) => {
      const world = {
        desired: [entry('a', rules)],
        observed: seen === null ? {} : { a: seen },
        applied: sent === null ? {} : { a: sent },
      };
      for (const cause of ['routine', 'drift'] as const) {
        const plan = makePlan(input(world, { cause, drift, delivered: () => delivered }));
        expect(actions(plan).map(({ kind }) => kind)).toEqual([kinds[drift]]);
      }
    });
  });
});

test('stages are in order and actions name their object in the bundle', () => {
  const desired = [entry('b'), entry('a'), { ...entry('shop'), key: { ...key('shop', 'Namespace'), namespace: '' } }];
  const widgets = { ...entry('w'), key: { ...key('w', 'Widget'), group: 'b.dev' } };
  const plan = makePlan(
    input({ desired: [...desired, widgets] }, { customStageKinds: [{ group: 'b.dev', kind: 'Widget' }] }),
  );
  expect(plan.stages.map(({ name, actions: all }) => [name, all.map(({ index }) => index)])).toEqual([
    ['definitions', [2]],
    ['custom', [3]],
    ['rest', [1, 0]],
  ]);
});

test('a drift plan touches only what drifted and never prunes', () => {
  const world = { desired: [entry('a'), entry('b')], observed: { old: live() }, inventory: [key('old')] };
  const plan = makePlan(input(world, { cause: 'drift', only: new Set([keyId(key('b'))]) }));
  expect(actions(plan).map(({ kind }) => kind)).toEqual(['unchanged', 'create']);
  expect(plan.prune).toEqual([]);
  expect(makePlan(input({ ...world, desired: [] }, { cause: 'drift' })).refused).toEqual([]);
});

describe('pruning (I1)', () => {
  const rows: readonly [name: string, seen: Observed | null, pruned: boolean][] = [
    ['ours and no longer declared', live(), true],
    ['not in view', null, false],
    ['another unit owns it now', live({ owner: OTHER }), false],
    ['a unit of another kind owns it', live({ owner: { ...UNIT, kind: 'HelmRelease' } }), false],
    ['its owner labels are gone', live({ owner: null }), false],
    ['it asks not to be pruned', live({ rules: { ...DEFAULT_RULES, prune: false } }), false],
    ['it asks not to be reconciled', live({ rules: { ...DEFAULT_RULES, reconcile: false } }), false],
    ['it asks to be ignored', live({ rules: { ...DEFAULT_RULES, ssa: 'Ignore' } }), false],
    ['it asks to be forced, which is no reason to stay', live({ rules: { ...DEFAULT_RULES, force: true } }), true],
  ];

  test.each(rows)('%s', (_name, seen, pruned) => {
    const world = {
      desired: [entry('a')],
      observed: seen === null ? {} : { old: seen },
      inventory: [key('a'), key('old')],
    };
    const plan = makePlan(input(world));
    expect(plan.prune).toEqual(pruned ? [key('old')] : []);
    expect(plan.unseen).toEqual(seen === null ? [key('old')] : []);
    expect(makePlan(input(world, { prune: false }))).toMatchObject({ prune: [], unseen: [] });
  });

  test('what refers to others goes first', () => {
    const inventory = [key('ns', 'Namespace'), key('sa', 'ServiceAccount'), key('web', 'Deployment')];
    const observed = { ns: live(), sa: live(), web: live() };
    const plan = makePlan(input({ desired: [entry('a')], observed, inventory }));
    expect(plan.prune.map(({ kind }) => kind)).toEqual(['Deployment', 'ServiceAccount', 'Namespace']);
  });

  test('an object declared at another version is not pruned', () => {
    const world = { desired: [entry('a')], observed: { a: live() }, inventory: [{ ...key('a'), version: 'v1beta1' }] };
    expect(makePlan(input(world)).prune).toEqual([]);
  });
});

describe('a build without objects', () => {
  const world = { observed: { x: live(), y: live() }, inventory: [key('x'), key('y'), key('x')] };

  test('refuses to delete everything, and says so per object', () => {
    const plan = makePlan(input(world));
    expect(plan).toMatchObject({ prune: [], unseen: [] });
    expect(plan.refused.map(({ key: refused }) => refused.name)).toEqual(['x', 'y']);
    expect(plan.refused[0]?.reason).toContain('no objects');
  });

  test('is nothing special where nothing would be deleted', () => {
    expect(makePlan(input({ ...world, inventory: [] })).refused).toEqual([]);
    expect(makePlan(input(world, { prune: false })).refused).toEqual([]);
  });
});

describe('the inventory (I4)', () => {
  const world = {
    desired: [entry('a'), entry('b')],
    observed: { old: live(), older: live() },
    inventory: [key('a'), key('old'), key('older'), key('moved')],
  };
  const plan = makePlan(input(world));
  const names = (keys: readonly ObjectKey[]): string[] => keys.map(({ name }) => name);

  test('lists what may be created before it is created', () => {
    expect(names(inventoryBefore(world.inventory, plan))).toEqual(['a', 'b', 'moved', 'old', 'older']);
  });

  test('keeps afterwards what is declared and what could not be deleted', () => {
    const results = { applied: true, gone: new Set([keyId(key('old')), keyId(key('moved'))]) };
    expect(names(nextInventory(world.inventory, plan, results))).toEqual(['a', 'b', 'older']);
  });

  test('keeps what is only out of view: a watch may be behind', () => {
    const results = { applied: true, gone: new Set([keyId(key('old')), keyId(key('older'))]) };
    expect(names(nextInventory(world.inventory, plan, results))).toEqual(['a', 'b', 'moved']);
  });

  test('lets nothing go when apply did not get through', () => {
    expect(names(nextInventory(world.inventory, plan, { applied: false, gone: new Set() }))).toEqual([
      'a',
      'b',
      'moved',
      'old',
      'older',
    ]);
  });

  test('lets nothing go on a refused plan or on drift', () => {
    const results = { applied: true, gone: new Set<string>() };
    const refused = makePlan(input({ ...world, desired: [] }));
    expect(names(nextInventory(world.inventory, refused, results))).toEqual(['a', 'moved', 'old', 'older']);
    const drift = makePlan(input(world, { cause: 'drift' }));
    expect(names(nextInventory(world.inventory, drift, results))).toEqual(['a', 'b', 'moved', 'old', 'older']);
  });
});

describe('for any world', () => {
  const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];
  const some = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<Record<string, T>> =>
    fc.dictionary(fc.constantFrom(...NAMES), value);
  const mode = fc.constantFrom<DriftMode>(...DRIFT_MODES);
  const rules = fc.record(
    {
      ssa: fc.constantFrom('Override', 'Merge', 'IfNotPresent', 'Ignore'),
      force: fc.boolean(),
      prune: fc.boolean(),
      reconcile: fc.boolean(),
      drift: mode,
    } satisfies Record<keyof ObjectRules, fc.Arbitrary<unknown>>,
    { requiredKeys: ['ssa', 'force', 'prune', 'reconcile'] },
  ) as fc.Arbitrary<ObjectRules>;
  const hash = fc.constantFrom('h1', 'h2');
  const seen = fc
    .record({ ownedHash: hash, owner: fc.constantFrom(UNIT, OTHER, null), rules: fc.option(rules, { nil: null }) })
    .map(({ rules: own, ...rest }) => live({ ...rest, ...(own === null ? {} : { rules: own }) }));
  const anyInput = fc
    .record({
      desired: fc.uniqueArray(
        fc.record({ name: fc.constantFrom(...NAMES), digest: fc.constantFrom('d1', 'd2'), rules }),
        { selector: ({ name }) => name },
      ),
      observed: some(seen),
      applied: some(fc.record({ desiredDigest: fc.constantFrom('d1', 'd2'), ownedHash: hash })),
      inventory: fc.subarray(NAMES),
      drift: mode,
      cause: fc.constantFrom<Cause>('routine', 'emergency', 'drift', 'rollback', 'prune', 'rebuild'),
      prune: fc.boolean(),
    })
    .map(({ desired, observed, applied, inventory, ...rest }) =>
      input(
        {
          desired: desired.map(({ name, ...fields }) => ({ key: key(name), ...fields })),
          observed: { ...observed },
          applied: { ...applied },
          inventory: inventory.map((name) => key(name)),
        },
        rest,
      ),
    );

  test('nothing is deleted that is not in the inventory, observed, ours and undeclared', () => {
    fc.assert(
      fc.property(anyInput, (asked) => {
        const declared = new Set(asked.desired.map(({ key: one }) => keyId(one)));
        const listed = new Set(asked.inventory.map(keyId));
        for (const pruned of makePlan(asked).prune) {
          expect(asked.prune && asked.cause !== 'drift').toBe(true);
          expect(listed.has(keyId(pruned)) && !declared.has(keyId(pruned))).toBe(true);
          expect(asked.observed(pruned)).toMatchObject({ owner: UNIT });
          expect(asked.observed(pruned)?.rules?.prune ?? true).toBe(true);
        }
      }),
    );
  });

  test('every object of the bundle has exactly one action, and a refused plan has none', () => {
    fc.assert(
      fc.property(anyInput, (asked) => {
        const plan = makePlan(asked);
        const indexes = actions(plan)
          .map(({ index }) => index)
          .sort((a, b) => a - b);
        expect(indexes).toEqual(plan.refused.length > 0 ? [] : asked.desired.map((_, index) => index));
      }),
    );
  });

  test('a plan carried out leaves nothing to do', () => {
    fc.assert(
      fc.property(anyInput, (asked) => {
        const plan = makePlan(asked);
        if (plan.refused.length > 0) return;
        const sent = new Map(
          actions(plan)
            .filter(({ kind }) => kind !== 'skip')
            .map(({ key: one, index }) => [keyId(one), asked.desired[index]?.digest ?? '']),
        );
        const gone = new Set([...plan.prune, ...plan.unseen].map(keyId));
        const next = makePlan({
          ...asked,
          observed: (one) =>
            sent.has(keyId(one)) ? live({ ownedHash: 'new' }) : gone.has(keyId(one)) ? undefined : asked.observed(one),
          applied: (one) => {
            const digest = sent.get(keyId(one));
            return digest === undefined ? asked.applied(one) : { desiredDigest: digest, ownedHash: 'new' };
          },
          inventory: nextInventory(asked.inventory, plan, { applied: true, gone }),
        });
        expect(actions(next).every(({ kind }) => kind === 'unchanged' || kind === 'skip')).toBe(true);
        expect(next.prune).toEqual([]);
      }),
    );
  });

  test('the inventory never loses what is declared or not yet gone', () => {
    fc.assert(
      fc.property(anyInput, fc.boolean(), (asked, applied) => {
        const plan = makePlan(asked);
        const next = new Set(nextInventory(asked.inventory, plan, { applied, gone: new Set() }).map(keyId));
        for (const one of [...actions(plan).map((action) => action.key), ...plan.prune, ...plan.unseen])
          expect(next.has(keyId(one))).toBe(true);
      }),
    );
  });
});
