import {
  checkChangePlan,
  displayKey,
  formatTime,
  keyId,
  parseJson,
  printJson,
  userError,
  type ChangePlan,
  type JsonObject,
  type KubeObject,
} from '@plumb/api';
import { type Content, MASK } from '@plumb/agent';
import { governing, locking, policyId, replay, type ChangeFacts, type Findings, type GateRecord } from '@plumb/core';
import { countsOf, type KnownChange, type UnitVerdict } from './judge-units.ts';
import { lockdownId } from './read-policies.ts';
import { knownVerdicts } from './rule-verdicts.ts';

/** The plan of a change that a cluster recorded. @param path the file, for messages @throws PlumbError `invalid-spec` */
export function readRecorded(path: string, text: string): KnownChange {
  return recordedChange(planIn(path, text));
}

/**
 * What a cluster said of a change, found anew from nothing but its record.
 * @param path the file, for messages
 * @throws PlumbError `invalid-spec` where it is no record, or has not all that was judged by
 */
export function replayRecorded(path: string, text: string): UnitVerdict {
  const plan = planIn(path, text);
  const { judged, unjudged = 'it has no record of that' } = plan;
  const other = 'name policies to judge it by: --policy policy.yaml';
  if (judged === undefined)
    throw userError('invalid-spec', `${path} does not say what it was judged by: ${unjudged}; ${other}`);
  const { facts, contents } = recordedChange(plan);
  try {
    const verdict = replayed(facts, contents, judged as unknown as GateRecord);
    return { ...verdict, notes: [...verdict.notes, ...unlistedNote(plan.unlisted)] };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw userError('invalid-spec', `what ${path} was judged by cannot be judged by again: ${why}; ${other}`);
  }
}

function replayed(facts: ChangeFacts, contents: readonly Content[], record: GateRecord): UnitVerdict {
  const { policies, lockdowns, now, clockTrouble } = record;
  const { state, requirements, isEmergency } = replay(facts, record);
  const locked = locking(lockdowns, facts, clockTrouble === null ? now : null, isEmergency);
  const found = (policy: string, rule: string): Findings | undefined =>
    record.findings.find((one) => one.policy === policy && one.rule === rule)?.told;
  const at = formatTime(new Date(now));
  return {
    unit: facts.unit,
    cluster: facts.cluster,
    cause: isEmergency ? 'emergency' : facts.cause,
    counts: countsOf(facts),
    state,
    policies: [...locked.map(lockdownId), ...governing(policies, facts).map(policyId)],
    rules: knownVerdicts(requirements, { found, contents }),
    notes: [`this is what the cluster found at ${at}, from what it recorded then: nothing that came later counts`],
  };
}

/** @throws PlumbError `invalid-spec` */
function planIn(path: string, text: string): ChangePlan {
  const checked = checkChangePlan(parsed(path, text));
  if (checked.ok) return checked.value;
  const [first] = checked.problems;
  throw userError(
    'invalid-spec',
    `${path} is no ChangePlan of plumb.dev/v1: ${first?.path ?? ''} ${first?.message ?? ''}`,
  );
}

function parsed(path: string, text: string) {
  try {
    return parseJson(text);
  } catch (error) {
    throw userError('invalid-spec', `${path} is no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** A recorded change as gates were told of it, but for what is masked in its record, or is not in it. */
function recordedChange({ change, objects, unlisted, judgedAt }: ChangePlan): KnownChange {
  const applied = objects.filter(({ action }) => action !== 'delete');
  const contents = applied.flatMap(({ key, object, path }): Content[] =>
    object === null ? [] : [{ key, body: object, path }],
  );
  const before = objects.flatMap(({ key, oldObject }): [string, KubeObject][] =>
    oldObject === null ? [] : [[keyId(key), oldObject]],
  );
  const left = applied.length - contents.length + unlisted;
  const unseen = applied.filter((one) => one.action === 'change' && one.role === undefined && one.oldObject === null);
  return {
    ...(judgedAt !== undefined && { at: Date.parse(judgedAt) }),
    facts: { ...change, objects: objects.map(({ key, action }) => ({ key, action })) },
    contents,
    before: new Map(before),
    knowsSigned: true,
    gaps: {
      list: unlisted === 0 ? '' : `its record lists all but ${unlisted} of its objects`,
      objects: left === 0 ? '' : `${left} of its objects are not in its record`,
      before: unseen.length === 0 ? '' : `what ${displayKey(unseen[0]!.key)} was before is not in its record`,
    },
    hide: (text) => text,
    notes: [...maskedNote(objects), ...unlistedNote(unlisted)],
  };
}

/** What stands in place of secret values is judged as if it were the value. */
function maskedNote(objects: ChangePlan['objects']): string[] {
  const masked = objects.filter(({ object, oldObject }) => [object, oldObject].some(isMasked));
  if (masked.length === 0) return [];
  const names = masked.map(({ key }) => displayKey(key)).join(', ');
  return [`secret values are masked in its record: rules that read ${names} are judged with the masks`];
}

function unlistedNote(unlisted: number): string[] {
  return unlisted === 0
    ? []
    : [`${unlisted} of its objects are not listed in its record: limits are judged without them`];
}

function isMasked(object: KubeObject | null): boolean {
  return object !== null && printJson(object as unknown as JsonObject).includes(MASK);
}
