import type { KubeObject } from '@plumb/api';
import type { Authorship, LockdownFacts, PolicyFacts } from '@plumb/core';
import type { Engine } from '@plumb/engine';
import { compareUnits, type UnitChange } from './compare-units.ts';
import { judgeUnit, type Approver, type UnitVerdict } from './judge-units.ts';
import type { Repository } from './read-repository.ts';
import { labelsAmong } from './read-policies.ts';

/** A unit that nothing is said of, and why. */
export interface Unsaid {
  unit: string;
  why: string;
}

/** What policies say of a repository. */
export interface PolicyReport {
  verdicts: UnitVerdict[];
  /** Units that cannot be built from what is here. */
  unjudged: Unsaid[];
  /** Units whose build fails. */
  failures: Unsaid[];
  /** Units of which nothing would be changed. */
  unchanged: number;
  /** What had to be taken for granted, a sentence each. */
  notes: string[];
}

export interface PolicyRun {
  /** What is to be. */
  head: Repository;
  /** What was there before; null: nothing is known of that, and everything is new. */
  base: Repository | null;
  policies: readonly PolicyFacts[];
  lockdowns: readonly LockdownFacts[];
  /** Objects beside those of the repository: namespaces, and ConfigMaps that say who authors are. */
  given: readonly KubeObject[];
  approvedBy: readonly Approver[];
  authors: Authorship;
  /** Milliseconds since the epoch. */
  now: number;
  engine: Pick<Engine, 'celEval'>;
  signal: AbortSignal;
}

/** Judges what becomes of every unit. */
export async function runPolicies(run: PolicyRun): Promise<PolicyReport> {
  const { head, base, given } = run;
  const objects = [...given, ...head.objects];
  const changes = changesBetween(base, head);
  const verdicts: UnitVerdict[] = [];
  for (const change of changes.changed) {
    verdicts.push(
      await judgeUnit(change, {
        ...run,
        objects,
        revision: head.revision,
        labelsOf: (namespace) => labelsAmong(objects, namespace),
      }),
    );
  }
  return {
    verdicts,
    unjudged: [...unsaidOf(head, base), ...lostOf(base, head)],
    failures: [...head.failures].map(([unit, error]) => ({ unit, why: error.message })),
    unchanged: changes.unchanged,
    notes: [...head.notes, ...notesOf(run)],
  };
}

/** What is declared just as before does not change, whatever it is. */
function unsaidOf({ unjudged }: Repository, base: Repository | null): Unsaid[] {
  const news = [...unjudged].filter(([unit, { digest }]) => base?.unjudged.get(unit)?.digest !== digest);
  return news.map(([unit, { why }]) => ({ unit, why }));
}

/** Of what could not be built before nobody knows what becomes of it. */
function lostOf(base: Repository | null, head: Repository): Unsaid[] {
  if (base === null) return [];
  const before = [
    ...[...base.unjudged].map(([unit, { why }]) => ({ unit, why })),
    ...[...base.failures].map(([unit, { message: why }]) => ({ unit, why })),
  ];
  return before
    .filter(({ unit }) => head.units.has(unit) || !isKnown(head, unit))
    .map(({ unit, why }) => ({ unit, why: `what it was before cannot be built: ${why}` }));
}

function isKnown({ units, unjudged, failures }: Repository, unit: string): boolean {
  return units.has(unit) || unjudged.has(unit) || failures.has(unit);
}

function changesBetween(base: Repository | null, head: Repository): { changed: UnitChange[]; unchanged: number } {
  const ids = [...new Set([...head.units.keys(), ...(base?.units.keys() ?? [])])];
  const changed: UnitChange[] = [];
  let unchanged = 0;
  for (const id of ids) {
    const after = head.units.get(id) ?? null;
    const before = base?.units.get(id) ?? null;
    // One that cannot be built any more is not gone.
    if (after === null && isKnown(head, id)) continue;
    if (base !== null && before === null && isKnown(base, id)) continue;
    const change = compareUnits(before, after);
    if (change === null) unchanged += 1;
    else changed.push(change);
  }
  return { changed, unchanged };
}

/** What policies ask for that there is nothing to tell it by. */
function notesOf({ base, policies, lockdowns }: PolicyRun): string[] {
  if (base !== null) return [ASSUMED_BEFORE];
  const texts = [...policies, ...lockdowns].flatMap(({ spec: { checks = [] } }) =>
    checks.flatMap(({ expression, messageExpression = '' }) => [expression, messageExpression]),
  );
  const asksOld = texts.some((text) => /\boldObject\b/.test(text));
  return asksOld ? [NOTHING_BEFORE, NO_OLD] : [NOTHING_BEFORE];
}

const ASSUMED_BEFORE =
  'what runs is not looked at: what was there before is what the base declares, and oldObject is the object as it is declared there';
const NOTHING_BEFORE = 'every object is judged as a new one, and nothing as deleted: --base says what was there before';
const NO_OLD = 'oldObject is null for that reason';
