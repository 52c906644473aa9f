import type { ReleaseSnapshot } from '@plumb/api';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { ReleaseWorld } from '../testing/release-world.ts';
import type { Content, Fate, Step } from '../testing/release-world.ts';
import {
  countersOf,
  ignoresTestFailures,
  MAX_RESUME_DELAY,
  MIN_RESUME_DELAY,
  NO_FAILURES,
  remediationOf,
} from './failures.ts';
import { hasFailedTest, newestFirst, previousSnapshot, truncateHistory } from './history.ts';
import { stateOf } from './state.ts';
import { STATE_ACTIONS, statesAfter } from './transitions.ts';

/*
 * What holds of every release, however its actions end and whoever interferes. docs/spec/helmrelease.md says the same in sentences.
 *
 * | rule | what it says |
 * |---|---|
 * | S1 | while somebody alive works on a release, nothing is done to it |
 * | S2 | a state allows only its own actions, and an action leads only to the states of the table |
 * | S3 | between two rollbacks that came to their end lies an install or an upgrade |
 * | S4 | retries are bounded: without a change, installs and upgrades fail no more often than they may, then it is given up |
 * | S5 | where upgrades are remedied by rollback, a failed upgrade is never remedied by an uninstall |
 * | S6 | if all succeeds and nobody interferes from now on, the release comes to rest as declared |
 * | S7 | what is deployed as declared is not upgraded, unless somebody forces it or its tests failed |
 * | S8 | a rollback goes to an older record that is in storage and was good, and never to one that others changed or whose tests failed |
 * | S9 | a run does nothing twice, and nothing after a remedy |
 * | S10 | what is given up is tried again by itself, after 5 minutes to an hour |
 * | S11 | under RetryOnFailure nothing is remedied, and nothing given up |
 * | S12 | the history is newest first, has each record once, and truncating it keeps what a rollback goes to |
 * | S13 | failures are forgotten only at rest, or when what is declared changes |
 */

// Thousands of worlds take their time where others work beside.
vi.setConfig({ testTimeout: 120_000 });

const MINUTE = 60_000;
const SUCCESS: Fate = { outcome: 'succeeded', at: 0 };
const FAILURE: Fate = { outcome: 'failed', at: 0 };

type Spec = ConstructorParameters<typeof ReleaseWorld>[0];

const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });

const remediation = fc.record(
  {
    retries: fc.integer({ min: -1, max: 3 }),
    remediateLastFailure: fc.boolean(),
    ignoreTestFailures: fc.boolean(),
  },
  { requiredKeys: [] },
);

const strategy = fc.constantFrom({ name: 'RemediateOnFailure' as const }, { name: 'RetryOnFailure' as const });

const drawnSpec: fc.Arbitrary<Spec> = fc
  .record({
    install: fc.record({ remediation, strategy: optional(strategy) }),
    upgrade: fc.record({
      remediation: fc
        .tuple(remediation, optional(fc.constantFrom('rollback' as const, 'uninstall' as const)))
        .map(([given, way]) => (way === undefined ? given : { ...given, strategy: way })),
      strategy: optional(strategy),
    }),
    test: fc.record({ enable: fc.boolean(), ignoreFailures: fc.boolean() }),
    uninstall: fc.record({ keepHistory: fc.boolean() }),
    maxHistory: fc.integer({ min: 0, max: 4 }),
  })
  .map(({ install, upgrade, ...rest }) => ({
    ...rest,
    install: { remediation: install.remediation, ...(install.strategy && { strategy: install.strategy }) },
    upgrade: { remediation: upgrade.remediation, ...(upgrade.strategy && { strategy: upgrade.strategy }) },
  }));

const drawnFate: fc.Arbitrary<Fate> = fc.record({
  outcome: fc.constantFrom('succeeded', 'succeeded', 'failed', 'failed', 'unstored', 'killed'),
  at: fc.nat(99).map((percent) => percent / 100),
});

const drawnContent: fc.Arbitrary<Content> = fc.record({
  chart: fc.constantFrom('1', '2', '3'),
  config: fc.constantFrom('a', 'b'),
  post: fc.constantFrom('', 'p'),
});

type Event = readonly [what: string, apply: (world: ReleaseWorld) => void];

/** Somebody stores a record with helm. */
function put(world: ReleaseWorld, status: 'deployed' | 'failed' | 'pending-upgrade' | 'uninstalled', content: Content) {
  const version = (world.last?.version ?? 0) + 1;
  if (status === 'deployed') {
    for (const record of world.records) if (record.status === 'deployed') record.status = 'superseded';
  }
  const made = { deployed: world.stamp(), interrupted: null, made: null, salt: 0 };
  world.records.push({ version, status, content: { ...content, post: '' }, ...made });
}

const events: fc.Arbitrary<Event> = fc.oneof(
  drawnContent.map((content): Event => [
    'another chart, other values or postRenderers are declared',
    (world) => {
      world.wanted = content;
      world.generation += 1;
    },
  ]),
  fc
    .constantFrom('a', 'b')
    .map((config): Event => [
      'a Secret with values changes',
      (world) => void (world.wanted = { ...world.wanted, config }),
    ]),
  fc
    .tuple(fc.constantFrom('deployed' as const, 'failed' as const, 'pending-upgrade' as const), drawnContent)
    .map(([status, content]): Event => [`somebody leaves a release ${status}`, (world) => put(world, status, content)]),
  fc.nat(3).map((back): Event => [
    'somebody rolls back',
    (world) => {
      const target = world.records[back];
      if (target !== undefined) put(world, 'deployed', target.content);
    },
  ]),
  fc.boolean().map((keeps): Event => [
    'somebody uninstalls',
    (world) => {
      const { last } = world;
      if (keeps && last !== undefined) last.status = 'uninstalled';
      else world.records.splice(0);
    },
  ]),
  fc.nat(4).map((index): Event => ['a record is deleted', (world) => void world.records.splice(index, 1)]),
  fc.nat(4).map((index): Event => [
    'a record is changed',
    (world) => {
      const record = world.records[index];
      if (record !== undefined) record.salt += 1;
    },
  ]),
  fc.constantFrom<Event[]>(
    ['an object drifts', (world) => void (world.drifted = 'correct')],
    ['an object drifts that is only watched', (world) => void (world.drifted = 'warn')],
    ['an upgrade is forced', (world) => void (world.forced = true)],
    ['counters are reset', (world) => void (world.reset = true)],
    ['a dependency turns ready', (world) => void (world.changed = true)],
    ['the release gets another name', (world) => void (world.name = world.name === 'cart' ? 'basket' : 'cart')],
    [
      'tests are turned on or off',
      (world) => {
        world.spec = { ...world.spec, test: { ...world.spec.test, enable: world.spec.test?.enable !== true } };
        world.generation += 1;
      },
    ],
  ),
  fc
    .integer({ min: 1, max: 90 })
    .map((minutes): Event => ['time goes by', (world) => void (world.now += minutes * MINUTE)]),
);

type Move = { event: Event | null; fates: Fate[] };
const drawnMoves: fc.Arbitrary<Move[]> = fc.array(
  fc.record({ event: fc.option(events, { nil: null, freq: 2 }), fates: fc.array(drawnFate, { maxLength: 4 }) }),
  { minLength: 1, maxLength: 14 },
);

/** The world after all this. Fates that are not drawn are failures, which are harder. */
function play(spec: Spec, moves: readonly Move[]): ReleaseWorld {
  const world = new ReleaseWorld(spec);
  for (const { event, fates } of moves) {
    event?.[1](world);
    const left = [...fates];
    world.run(() => left.shift() ?? FAILURE);
  }
  return world;
}

function forAll(check: (world: ReleaseWorld, spec: Spec) => void, numRuns = 400): void {
  fc.assert(
    fc.property(drawnSpec, drawnMoves, (spec, moves) => check(play(spec, moves), spec)),
    { numRuns },
  );
}

type Acted = Step & { next: { do: 'act' }; fate: Fate };
const acted = (world: ReleaseWorld): Acted[] => world.steps.filter((step): step is Acted => step.fate !== null);
const isRemedy = (action: string): boolean => action === 'rollback' || action === 'uninstall-remediation';

test('S1 while somebody alive works on a release, nothing is done to it', () => {
  fc.assert(
    fc.property(drawnSpec, drawnMoves, (spec, moves) => {
      const world = play(spec, moves);
      put(world, 'pending-upgrade', world.wanted);
      world.held = true;
      const before = JSON.stringify(world.records);
      expect(world.run(() => SUCCESS)).toMatchObject({ do: 'wait' });
      expect(JSON.stringify(world.records)).toBe(before);
    }),
  );
});

test('S2 a state allows only its own actions, and an action leads only to the states of the table', () => {
  forAll((world) => {
    for (const { state, next, fate, after } of acted(world)) {
      expect(STATE_ACTIONS[state.name]).toContain(next.action);
      const may = [...statesAfter(state.name, fate.outcome)];
      expect({ after: after?.name, may }).toMatchObject({ may: expect.arrayContaining([after?.name]) as unknown });
    }
  }, 2_000);
});

test('S3 between two rollbacks that came to their end lies an install or an upgrade', () => {
  forAll((world) => {
    let rolledBackTo = 0;
    for (const { next, fate, facts } of acted(world)) {
      if (next.action === 'install' || next.action === 'upgrade') rolledBackTo = 0;
      if (next.action !== 'rollback') continue;
      // A newer record than the rollback's was made by somebody else, and so was one of its number that has no note of ours.
      const ours = facts.last?.madeWith === null ? null : facts.last?.version;
      expect(ours).not.toBe(rolledBackTo);
      rolledBackTo = fate.outcome === 'succeeded' || fate.outcome === 'failed' ? (facts.last?.version ?? 0) + 1 : 0;
    }
  });
});

describe('S4 retries are bounded', () => {
  const bounded = fc.integer({ min: 0, max: 3 });

  test('without a change, installs and upgrades fail no more often than they may, then it is given up', () => {
    fc.assert(
      fc.property(drawnSpec, bounded, bounded, fc.boolean(), (spec, installs, upgrades, installed) => {
        const world = new ReleaseWorld({
          ...spec,
          install: { remediation: { ...spec.install?.remediation, retries: installs } },
          upgrade: { remediation: { ...spec.upgrade?.remediation, retries: upgrades } },
        });
        if (installed) {
          world.run(() => SUCCESS);
          world.wanted = { ...world.wanted, chart: '2' };
        }
        world.steps.splice(0);
        const tries = (): number =>
          acted(world).filter(({ next }) => next.action === 'install' || next.action === 'upgrade').length;
        // Remedies succeed: one that fails costs a try of its own.
        const fate = (): Fate => (world.last?.status === 'failed' && isRemedyNext(world) ? SUCCESS : FAILURE);
        let next = world.run(fate);
        for (let run = 0; run < 20 && typeof next === 'object' && next.do === 'retry-later'; run += 1) {
          next = world.run(fate);
        }
        expect(next).toMatchObject({ do: 'exhausted' });
        expect(tries()).toBeLessThanOrEqual(installed ? upgrades + 1 + installs + 1 : installs + 1);
        const before = tries();
        world.run(fate);
        expect(tries()).toBe(before);
      }),
    );
  });

  /** Whether the action under way, whose record is still the newest, is a remedy. */
  function isRemedyNext(world: ReleaseWorld): boolean {
    const { next } = world.steps.at(-1) ?? {};
    return next?.do === 'act' && isRemedy(next.action);
  }

  test('and afterwards it is tried no more often than the pauses allow, day in, day out', () => {
    const world = new ReleaseWorld({});
    const tried: number[] = [];
    while (world.now < 24 * 60 * MINUTE) {
      const before = acted(world).length;
      const next = world.run(() => FAILURE);
      if (acted(world).length > before) tried.push(world.now);
      expect(next).toMatchObject({ do: 'exhausted' });
      world.now += MINUTE;
    }
    const pauses = tried.slice(1, 7).map((at, index) => Math.floor((at - (tried[index] ?? 0)) / MINUTE));
    // The first is an install's, all others those of upgrades, which count for themselves.
    expect(pauses).toEqual([5, 5, 10, 20, 40, 60]);
    expect(tried.length).toBeLessThan(5 + 24);
  });
});

test('S5 where upgrades are remedied by rollback, a failed upgrade is never remedied by an uninstall', () => {
  forAll((world) => {
    for (const { next, facts } of acted(world)) {
      const tried = facts.release.status?.lastAttemptedReleaseAction;
      if (tried !== 'upgrade' || remediationOf(facts.release, tried).strategy !== 'rollback') continue;
      expect(next.action).not.toBe('uninstall-remediation');
    }
  });
});

test('S6 if all succeeds and nobody interferes from now on, the release comes to rest as declared', () => {
  forAll((world) => {
    let next = world.run(() => SUCCESS);
    for (let run = 0; run < 6 && (typeof next === 'string' || next.do !== 'rest'); run += 1) {
      world.now += typeof next === 'object' && 'after' in next ? next.after : 0;
      next = world.run(() => SUCCESS);
    }
    expect(next).toEqual({ do: 'rest' });
    const { status, content } = world.last ?? {};
    expect({ status, content }).toEqual({ status: 'deployed', content: world.wanted });
    expect(['InSync', 'Drifted']).toContain(stateOf(world.facts()).name);
    expect(countersOf(world.status)).toEqual({ failures: 0, installFailures: 0, upgradeFailures: 0 });
  }, 2_000);
});

test('S7 what is deployed as declared is not upgraded, unless somebody forces it or its tests failed', () => {
  forAll((world) => {
    for (const { facts, state, next } of acted(world)) {
      const { last, wanted, forceRequested } = facts;
      const isSame = last?.chartVersion === wanted.chartVersion && last.configDigest === wanted.configDigest;
      const isPlain = wanted.postRenderersDigest === (last?.madeWith?.postRenderersDigest ?? '');
      if (last?.status !== 'deployed' || !isSame || !isPlain || wanted.postRenderersDigest !== '') continue;
      if (forceRequested || state.name === 'Failed' || state.name === 'Moved') continue;
      expect(['test', 'correct']).toContain(next.action);
    }
  });
});

test('S8 a rollback goes to an older record that is in storage and was good, and never to one that others changed or whose tests failed', () => {
  forAll((world) => {
    for (const { next, facts, stored } of acted(world)) {
      if (next.action !== 'rollback') continue;
      expect(next.to).toBeLessThan(facts.last?.version ?? 0);
      const target = stored.find(({ version }) => version === next.to);
      const named = facts.release.status?.history?.find(({ version }) => version === next.to);
      const wasInForce = (status = ''): boolean => ['deployed', 'superseded'].includes(status);
      const isAsKnown = (known: ReleaseSnapshot): boolean =>
        target?.digest === known.digest && (ignoresTestFailures(facts.release) || !hasFailedTest(known));
      expect({ target, isInForce: wasInForce((named ?? target)?.status) }).toMatchObject({ isInForce: true });
      expect({ target, named, isSound: named === undefined || isAsKnown(named) }).toMatchObject({ isSound: true });
    }
  }, 2_000);
});

test('S9 a run does nothing twice, and nothing after a remedy', () => {
  forAll((world) => {
    for (const { next, facts } of acted(world)) {
      expect(facts.done).not.toContain(next.action);
      expect(facts.done.some(isRemedy)).toBe(false);
    }
  });
});

test('S10 what is given up is tried again by itself, after 5 minutes to an hour', () => {
  forAll((world) => {
    for (const { next, facts } of world.steps) {
      if (next.do !== 'exhausted') continue;
      expect(next.after).toBeGreaterThan(0);
      expect(next.after).toBeLessThanOrEqual(MAX_RESUME_DELAY);
      expect(next.after + facts.sinceLastTry).toBeGreaterThanOrEqual(MIN_RESUME_DELAY);
    }
  });
});

test('S11 under RetryOnFailure nothing is remedied, and nothing given up', () => {
  fc.assert(
    fc.property(drawnSpec, drawnMoves, (spec, moves) => {
      const retry = { name: 'RetryOnFailure' as const };
      const world = play(
        { ...spec, install: { ...spec.install, strategy: retry }, upgrade: { ...spec.upgrade, strategy: retry } },
        moves,
      );
      for (const { next } of world.steps) {
        expect(next.do).not.toBe('exhausted');
        expect(next.do === 'act' && isRemedy(next.action)).toBe(false);
      }
    }),
  );
});

test('S12 the history is newest first, has each record once, and truncating it keeps what a rollback goes to', () => {
  forAll((world) => {
    for (const { facts } of world.steps) {
      const history = facts.release.status?.history ?? [];
      expect(history).toEqual(newestFirst(history));
      expect(new Set(history.map(({ name, version }) => `${name}.v${version}`)).size).toBe(history.length);
      for (const ignore of [true, false]) {
        const target = previousSnapshot(history, ignore);
        expect(previousSnapshot(truncateHistory(history, ignore), ignore)).toEqual(target);
        expect(truncateHistory(history, ignore)[0]).toEqual(history[0]);
      }
    }
  });
});

test('S13 failures are forgotten only at rest, or when what is declared changes', () => {
  fc.assert(
    fc.property(drawnSpec, fc.array(drawnFate, { maxLength: 12 }), (spec, fates) => {
      const world = new ReleaseWorld(spec);
      const left = [...fates];
      while (left.length > 0) {
        const before = countersOf(world.status);
        const next = world.run(() => left.shift() ?? SUCCESS);
        const isOver = typeof next === 'object' && next.do === 'rest';
        const least = isOver ? NO_FAILURES : before;
        const after = countersOf(world.status);
        for (const key of ['failures', 'installFailures', 'upgradeFailures'] as const) {
          expect(after[key]).toBeGreaterThanOrEqual(least[key]);
        }
        if (isOver) break;
        world.now += MAX_RESUME_DELAY;
      }
    }),
  );
});

describe('found by drawing', () => {
  const killed = (at: number): Fate => ({ outcome: 'killed', at });
  const inOrder = (...fates: Fate[]): (() => Fate) => {
    const left = [...fates];
    return () => left.shift() ?? SUCCESS;
  };
  const nameNow = (world: ReleaseWorld): string => stateOf(world.facts()).name;

  test('S2 a remedy of failed tests that is killed before the status tells of it leaves a release of others unmanaged', () => {
    const world = new ReleaseWorld({
      test: { enable: true },
      install: { remediation: { remediateLastFailure: true } },
    });
    world.run(() => FAILURE);
    put(world, 'deployed', world.wanted);
    world.run(inOrder(FAILURE, killed(0.71)));
    const [tested, remedied] = acted(world).slice(-2);
    expect([tested?.state.name, tested?.next.action]).toEqual(['Untested', 'test']);
    expect([remedied?.state.name, remedied?.next.action]).toEqual(['Failed', 'uninstall-remediation']);
    expect(nameNow(world)).toBe('Unmanaged');
    expect(statesAfter('Failed', 'killed')).toContain('Unmanaged');
    expect(world.run(() => SUCCESS)).toEqual({ do: 'rest' });
  });

  test('S3 the failed upgrade of somebody else is rolled back, though it has the number of a rollback that is gone', () => {
    const world = new ReleaseWorld({ upgrade: { remediation: { remediateLastFailure: true } } });
    world.run(() => SUCCESS);
    world.forced = true;
    world.run(() => FAILURE);
    expect(world.last).toMatchObject({ version: 3, status: 'failed' });
    world.records.pop();
    world.run(() => FAILURE);
    put(world, 'pending-upgrade', world.wanted);
    world.run(() => SUCCESS);
    const rollbacks = acted(world).filter(({ next }) => next.action === 'rollback');
    expect(rollbacks.map(({ facts, next }) => [facts.last?.version, next])).toMatchObject([
      [2, { to: 1 }],
      [3, { to: 1 }],
    ]);
  });

  test('S6 a record of the number that an install was announced with is of whoever stored it', () => {
    const world = new ReleaseWorld({});
    world.wanted = { ...world.wanted, post: 'p' };
    world.run(() => SUCCESS);
    world.records.splice(0);
    // The status says which record is to come, and that is all.
    world.run(inOrder(killed(0.1)));
    expect(world.status.history).toMatchObject([{ version: 1, status: 'pending-install' }]);
    expect(world.records).toEqual([]);
    put(world, 'deployed', world.wanted);
    expect(nameNow(world)).toBe('Unmanaged');
    expect(world.run(() => SUCCESS)).toEqual({ do: 'rest' });
    expect(world.last?.content).toEqual(world.wanted);
  });

  test('S6 a release that others made anew has the number of the one that is gone, and went through none of its postRenderers', () => {
    const world = new ReleaseWorld({});
    world.wanted = { ...world.wanted, post: 'p' };
    world.run(() => SUCCESS);
    world.records.splice(0);
    world.run(inOrder({ outcome: 'unstored', at: 0 }));
    put(world, 'deployed', world.wanted);
    expect(nameNow(world)).toBe('Unmanaged');
    expect(world.run(() => SUCCESS)).toEqual({ do: 'rest' });
    expect(world.last?.content).toEqual(world.wanted);
  });
});
