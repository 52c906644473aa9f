import type { HelmRelease, HelmReleaseStatus, KubeObject, ReleaseSnapshot, Said, Source, UnitRef } from '@plumb/api';
import {
  asPlumbError,
  HELM_APPLY_MANAGER,
  helmReleaseMessages as messages,
  ownMessages,
  say,
  setConditions,
  systemError,
} from '@plumb/api';
import {
  backoffDelay,
  fullReleaseName,
  ignoresTestFailures,
  inventoryOf,
  newestSnapshots,
  NO_FAILURES,
  nextOf,
  parseInventoryEntry,
  releaseTimeoutOf,
  remediationOf,
  resetReason,
  stateOf,
  truncateHistory,
  installOptionsOf,
  rollbackOptionsOf,
  testOptionsOf,
  uninstallOptionsOf,
  unitDriftMode,
  upgradeOptionsOf,
} from '@plumb/core';
import type { ActionName, Next, ReleaseFacts, ReleaseState } from '@plumb/core';
import type { Engine } from '@plumb/engine';
import { siteOf, unreachable, type Reach } from '../../delivery/approach.ts';
import type { Expressions } from '../../delivery/expressions.ts';
import { hideSecrets } from '../../delivery/hide-secrets.ts';
import type { Packs } from '../../delivery/packs.ts';
import type { Records } from '../../delivery/records.ts';
import type { UnitMemory } from '../../delivery/unit.ts';
import type { Charts } from '../../releases/charts.ts';
import { doubtUnwatched } from '../../releases/in-force.ts';
import type { ActionContext } from '../../releases/context.ts';
import type { Gatekeeper } from '../../gates/gatekeeper.ts';
import { restAtGate } from '../../releases/gate.ts';
import { Job } from '../../releases/job.ts';
import { perform } from '../../releases/perform.ts';
import type { Task, TaskEnd } from '../../releases/task.ts';
import type { StoredReleases } from '../../releases/stored-releases.ts';
import { valuesOf } from '../../releases/values.ts';
import { wantedOf, type Desired } from '../../releases/wanted.ts';
import { sleep } from '../../runtime/clock.ts';
import { addFinalizer } from '../../runtime/finalizer.ts';
import { requestedAt } from '../../runtime/flux-object.ts';
import type { EventRecord } from '../../runtime/events.ts';
import type { Outcome } from '../../runtime/outcome.ts';
import type { Leave } from '../../runtime/shards.ts';
import type { WatchedConfigs } from '../../runtime/watched-configs.ts';
import { asBegun, attempted } from './begun.ts';
import type { Facts } from './facts.ts';
import type { ReleaseMemory } from './memory.ts';
import { keep, keepInForce } from './keep.ts';
import { reach } from './reach.ts';
import { recallMissed } from './recovery.ts';
import { noteCorrection, repairInForce } from './repair.ts';
import { stateTrouble, Trouble, trying } from './trouble.ts';
import { attemptSaid, chartSaid, exhaustedSaid } from './ended-said.ts';
import { announced, whileRunning } from './report.ts';
import { actionContext, adopted, factsOf, forgetUnwatched, gatesOf, type Sighted } from './see-release.ts';
import { sourceOf } from './source.ts';
import { afterTask, atRest, beforeTask, event, takenOver } from './task-report.ts';

/** What the effects of a HelmRelease work with. */
export interface Hands extends Reach, Pick<Leave, 'hold'> {
  /** Takes in what the server answers to a write to one of the controller's own objects. */
  note: (object: KubeObject) => void;
  charts: Charts;
  /** Holds changes back; null: nothing does. */
  gates: Gatekeeper | null;
  engine: Engine;
  expressions: Expressions;
  /** What the agent's own cluster has of releases. */
  storage: StoredReleases;
  configs: WatchedConfigs;
  packs: Packs;
  /** Null: a restart reads everything from the cluster. */
  records: Records | null;
  signal: AbortSignal;
  parallel: number;
  stageTimeout: number;
  /** The service account for releases that name none; undefined: the agent's own identity. */
  defaultServiceAccount: string | undefined;
  onAnswer: (unit: UnitMemory, id: string) => void;
  /** Writes a status before the run goes on. @throws PlumbError `cancelled` when the object is gone or not ours any more */
  saveStatus: (release: HelmRelease, status: HelmReleaseStatus) => Promise<void>;
  /** An action has ended: whoever began it goes on. */
  wake: (unit: UnitRef) => void;
}

interface Context {
  memory: ReleaseMemory;
  hands: Hands;
}

/** Time between tries that failed for the same inputs: Flux's, in milliseconds. */
const FAILURE_BACKOFF = { min: 750, max: 15 * 60_000 };
/** How often a release that somebody else works on is looked at. Milliseconds. */
const HELD_LOOK = 30_000;
/** An action that lasts longer is told. */
export const TELL_AFTER = 1_000;

/** The release as far as the run has come: the object with the status that is to be, and what is to be told. */
interface Draft {
  release: HelmRelease & { status: HelmReleaseStatus };
  events: EventRecord[];
}

/** Brings the release to what is declared, one action after the other, until nothing is left to do or something has to be waited for. */
export async function actReconcile(
  object: HelmRelease,
  step: { source: Source; isFresh: boolean; inputs: string },
  context: Context,
): Promise<Outcome<Facts>> {
  const { memory, hands } = context;
  // A copy: what is in view says what stands in the cluster.
  const draft: Draft = { release: { ...object, status: { ...object.status } }, events: [] };
  let isThere = false;
  try {
    if (step.isFresh) await absorbEarlier(draft, context);
    await getThere(draft.release, step, context);
    isThere = true;
    await begin(draft, step, context);
    const away = unreachable(object, factsOfDraft(draft), { memory: memory.unit, hands });
    if (away !== null) return away;
    return await goOn(draft, context);
  } catch (thrown) {
    const away = unreachable(object, factsOfDraft(draft), { memory: memory.unit, hands });
    if (away !== null) return away;
    const { secrets = [] } = memory.underway?.desired.values ?? {};
    const trouble = thrown instanceof Trouble ? thrown : stateTrouble(hideSecrets(asPlumbError(thrown), secrets));
    memory.underway = null;
    if (isThere && trouble.action !== 'correct') draft.events.push(...(await repairInForce(draft.release, context)));
    return fail(draft, trouble, step.inputs, context);
  }
}

/** While what is declared newer is held back for its last failure, or waits for others, what is in force is kept as it is. @returns what is to be told */
export async function actRepair(object: HelmRelease, context: Context): Promise<Facts> {
  const draft: Draft = { release: { ...object, status: { ...object.status } }, events: [] };
  try {
    await reach(object, context);
    draft.events.push(...(await repairInForce(draft.release, context)));
  } catch (thrown) {
    // What keeps the release from its cluster is told by the run that brings it in.
    if (context.hands.signal.aborted) throw thrown;
  }
  return { ...factsOfDraft(draft), isStalled: context.memory.isExhausted };
}

/** Takes in what an action came to that nothing follows: the release is suspended by now, its source is gone, or what is declared cannot be carried out. */
export async function actAbsorb(object: HelmRelease, flaw: Said | null, context: Context): Promise<Outcome<Facts>> {
  const { memory, hands } = context;
  const draft: Draft = { release: { ...object, status: { ...object.status } }, events: [] };
  try {
    await absorbEarlier(draft, context);
  } finally {
    memory.underway = null;
  }
  const { status } = draft.release;
  const over = [{ type: 'Reconciling', remove: true }] as const;
  status.conditions = setConditions(status.conditions, over, new Date(hands.clock.time()));
  const facts = factsOfDraft(draft);
  return flaw === null ? { type: 'again', facts, after: 0 } : { type: 'terminal', facts, said: flaw };
}

function factsOfDraft({ release, events }: Draft): Facts {
  return { status: release.status, events, running: null, held: null, isStalled: false };
}

/** What an action came to that was for another thing by now is told, whatever keeps the next one from beginning. */
async function absorbEarlier(draft: Draft, context: Context): Promise<void> {
  const { job, underway } = context.memory;
  if (job === null || underway === null) return;
  try {
    await absorb(draft, job, context);
  } catch (thrown) {
    // What gates held back did nothing.
    if (!(thrown instanceof Trouble)) throw thrown;
  }
}

async function getThere(release: HelmRelease, { isFresh }: { isFresh: boolean }, context: Context): Promise<void> {
  const { memory, hands } = context;
  if (isFresh || memory.underway === null || memory.job === null) memory.unit.answering = requestedAt(release) ?? null;
  await addFinalizer(release as KubeObject, { ...hands, fieldManager: HELM_APPLY_MANAGER });
  await trying(reach(release, context), ({ message }) => say(messages.clusterFailed, { error: message }));
}

/** What comes before anything is done to a release, in its cluster: its chart and its values. */
async function begin(
  { release }: Draft,
  { source, isFresh, inputs }: { source: Source; isFresh: boolean; inputs: string },
  { memory, hands }: Context,
): Promise<void> {
  const { unit, underway } = memory;
  if (!isFresh && underway !== null) {
    if (memory.job === null) underway.begun = release;
    return;
  }
  const desired = await desiredOf(release, source, hands);
  memory.underway = { inputs, begun: release, desired, done: [], startedAt: hands.clock.now() };
  if (unitDriftMode(release) !== 'ignore') doubtUnwatched(unit, siteOf({ memory: unit, hands }).live);
  forgetUnwatched(release, { memory, hands });
}

async function desiredOf(release: HelmRelease, source: Source, hands: Hands): Promise<Desired> {
  const offer = source.status?.artifact;
  if (offer === undefined) throw stateTrouble(systemError('artifact-missing', 'the source has no artifact any more'));
  const asker = { tenant: release.metadata.namespace ?? '', signal: hands.signal };
  const values = await trying(valuesOf(release, hands), ({ message }) =>
    say(messages.valuesFailed, { error: message }),
  );
  const chart = await trying(hands.charts.load(sourceOf(release), offer, asker), chartSaid);
  return { chart, values, wanted: wantedOf(release, chart, values.digest) };
}

/** From state to state, until one is at rest. */
async function goOn(draft: Draft, context: Context): Promise<Outcome<Facts>> {
  const { memory } = context;
  const { underway } = memory;
  if (underway === null) throw systemError('internal', 'no reconciliation is under way');
  if (memory.job !== null) await absorb(draft, memory.job, context);
  for (;;) {
    let sight = await factsOf(draft.release, underway, context);
    if (await keepInForce(draft.release, sight, context)) sight = await factsOf(draft.release, underway, context);
    const resumed = startAfresh(draft, sight.facts, context);
    Object.assign(draft.release.status, attempted(draft.release, underway.desired));
    const state = stateOf(sight.facts);
    if (state.adopt !== null) await adopt(draft, sight, state, context);
    const next = nextOf(state, sight.facts);
    if (next.do === 'wait') return heldOutcome(draft, sight, context);
    if (next.do !== 'act') return stop(draft, next, { ...sight, state }, context);
    if (state.name === 'Unmanaged') draft.release.status.history = [];
    if (state.name === 'Failed') draft.release.status.history = trimmedHistory(draft.release);
    tellRecovery(draft, { ...next, why: resumed ?? next.why }, { facts: sight.facts, resumed }, context);
    const isDone = await act(draft, next, sight, context);
    if (!isDone) return underwayOutcome(draft, context);
  }
}

/** No more is done in this run. What is in force is kept as it is, unless that is what the next one is for. */
async function stop(
  draft: Draft,
  next: Exclude<Next, { do: 'act' | 'wait' }>,
  { state, ...sight }: Sighted & { state: ReleaseState },
  context: Context,
): Promise<Outcome<Facts>> {
  const { memory, hands } = context;
  const { release } = draft;
  if (next.do === 'rest') {
    memory.unit.replacing.clear();
    await restAtGate(gatesOf(release, memory, hands), sight.known.snapshot);
  }
  if (next.do === 'exhausted') await recallMissed(release, sight, context);
  const holdsDrift = next.do !== 'rest' && state.name === 'Drifted';
  if (next.do !== 'rest' && !holdsDrift) draft.events.push(...(await repairInForce(release, context)));
  return end(draft, next, { ...context, holdsDrift });
}

/** Clears the counters where there is a reason to. @returns the reason why what was given up is tried again; null: it was not given up, or still is */
function startAfresh({ release }: Draft, facts: ReleaseFacts, { memory }: Context): string | null {
  const reset = resetReason(facts);
  // A request counts once.
  if (facts.resetRequested) release.status.lastHandledResetAt = requestedAt(release) ?? '';
  if (reset === null) return null;
  Object.assign(release.status, NO_FAILURES);
  const resumed = memory.isExhausted ? reset : null;
  memory.isExhausted = false;
  return resumed;
}

/** What healed by itself, or is tried although it was given up, is told with the reason. */
function tellRecovery(
  draft: Draft,
  next: Extract<Next, { do: 'act' }>,
  { facts, resumed }: { facts: ReleaseFacts; resumed: string | null },
  { memory }: Context,
): void {
  const isFallback = next.action === 'rollback' && facts.fallback === next.to && facts.target !== 'there';
  if (resumed === null && !memory.isExhausted && !isFallback) return;
  const said = say(ownMessages.releaseRecovery, { action: next.action, why: next.why });
  draft.events.push(event(said, undefined, memory.underway?.desired.wanted ?? null));
}

async function adopt(draft: Draft, sight: Sighted, state: ReleaseState, { memory, hands }: Context): Promise<void> {
  const { status, bundle } = await adopted(draft.release, sight, { memory, hands });
  Object.assign(draft.release.status, status);
  const { snapshot } = sight.known;
  if (snapshot?.status === 'deployed')
    draft.release.status.conditions = takenOver(draft.release, snapshot, hands.clock.time());
  keep(bundle, { memory, hands });
  // What an action of ours left when it was cut short needs no word of its own.
  if (state.adopt === 'own') return;
  const said = say(ownMessages.releaseAdopted, { why: state.reason });
  draft.events.push(event(said, undefined, memory.underway?.desired.wanted ?? null));
}

/** @returns whether the action has ended */
async function act(
  draft: Draft,
  next: Extract<Next, { do: 'act' }>,
  sight: Sighted,
  context: Context,
): Promise<boolean> {
  const { memory, hands } = context;
  const { unit } = memory;
  const { release } = draft;
  draft.release.status = beforeTask(release, next.action);
  const task: Task = {
    action: next.action,
    to: next.action === 'rollback' ? next.to : null,
    desired: memory.underway?.desired ?? null,
    last: sight.last,
    owned: (release.status.inventory?.entries ?? []).map(parseInventoryEntry),
    count: sight.count,
  };
  const timeout = timeoutOf(next.action, release);
  memory.task = { action: next.action, timeout, startedAt: hands.clock.now(), begun: release };
  memory.changed = false;
  unit.missed.clear();
  const secrets = memory.underway?.desired.values.secrets ?? [];
  const announce: ActionContext['announce'] = async (snapshot, owned) => {
    release.status = announced(release, { action: next.action, timeout, snapshot, owned }, hands.clock.time());
    await hands.saveStatus(release, release.status);
  };
  const job = new Job<TaskEnd>((self, cancelled) =>
    hands.hold((lasting) =>
      perform(task, actionContext(release, { memory, hands, job: self, announce, secrets, lasting, cancelled })),
    ),
  );
  memory.job = job;
  // What others need meanwhile must not take the bodies that it works with.
  const letGo = unit.bundle === null ? (): void => undefined : hands.packs.hold(unit.bundle.pack);
  const wake = (): void => {
    letGo();
    hands.wake(unit.ref);
  };
  job.ended.then(wake, wake);
  await Promise.race([job.settled(), sleep(hands.clock, TELL_AFTER)]);
  if (!job.isSettled && !hands.signal.aborted) {
    // Its run waits for what it does, such as to render a chart: what lasts is told all the same.
    release.status = whileRunning(release, { action: next.action, timeout }, hands.clock.time());
    await hands.saveStatus(release, release.status).catch(() => undefined);
  }
  await job.settled();
  if (!job.hasEnded) return false;
  await absorb(draft, job, context);
  return true;
}

/** Takes in what an action came to. */
async function absorb(draft: Draft, job: Job<TaskEnd>, { memory, hands }: Context): Promise<void> {
  const { underway, task } = memory;
  memory.job = null;
  memory.task = null;
  const ended = await job.ended;
  if (underway === null || task === null) throw systemError('internal', 'no reconciliation is under way');
  // Nothing was tried.
  if (ended.error?.code === 'gated' && !ended.stored)
    throw new Trouble(say(ownMessages.gated, { why: ended.error.message }), ended.error, ended.action);
  underway.done.push(ended.action);
  // What is declared may be another by now.
  const about = asBegun(draft.release, task.begun);
  const told = afterTask(about, ended, ended.wanted ?? underway.desired.wanted, hands.clock.time());
  draft.release.status = told.status;
  const isTold = ended.action === 'correct' && noteCorrection(ended, memory, hands);
  if (!isTold) draft.events.push(...told.events);
  if (ended.bundle !== undefined) keep(ended.bundle, { memory, hands });
  else hands.records?.note(memory.unit);
  noteKnown(ended, { memory, hands });
  if (ended.action === 'uninstall' && ended.error === null) {
    // What comes now is another release.
    Object.assign(draft.release.status, NO_FAILURES, { history: [], storageNamespace: '', inventory: { entries: [] } });
    memory.known = null;
  }
}

/** What is stored now, as far as an action tells. */
function noteKnown(ended: TaskEnd, { memory, hands }: Context): void {
  if (ended.last !== undefined) {
    const { last } = ended;
    memory.known = { last, snapshot: ended.snapshots[0] ?? null, mark: last?.mark ?? '', content: null };
  }
  if (ended.action === 'install' || ended.action === 'upgrade') memory.triedAt = hands.clock.now();
}

function timeoutOf(action: ActionName, { spec }: HelmRelease): number {
  const options = {
    install: installOptionsOf,
    upgrade: upgradeOptionsOf,
    rollback: rollbackOptionsOf,
    test: testOptionsOf,
    uninstall: uninstallOptionsOf,
    'uninstall-remediation': uninstallOptionsOf,
  } as const;
  return action === 'correct' || action === 'unlock' ? releaseTimeoutOf(spec) : options[action](spec).timeout;
}

/** The action waits for something: so does the run, without a worker. */
function underwayOutcome(draft: Draft, { memory, hands }: Context): Outcome<Facts> {
  const { task } = memory;
  const facts = factsOfDraft(draft);
  if (task === null) return { type: 'again', facts, after: TELL_AFTER };
  const took = hands.clock.now() - task.startedAt;
  const isLong = took >= TELL_AFTER;
  const running = isLong ? { action: task.action, timeout: task.timeout } : null;
  return { type: 'again', facts: { ...facts, running }, after: isLong ? task.timeout : TELL_AFTER - took };
}

/** Somebody else is at work on the release: the end of that wakes it, or that it lasts too long is noticed. */
function heldOutcome(draft: Draft, { facts: { last } }: Sighted, context: Context): Outcome<Facts> {
  const said = say(ownMessages.releaseHeld, {
    release: last === null ? '' : fullReleaseName(last),
    status: last?.status ?? 'unknown',
  });
  forgetUnwatched(draft.release, context);
  return { type: 'again', facts: { ...factsOfDraft(draft), held: said }, after: HELD_LOOK };
}

/** Nothing is left to do now. */
function end(
  draft: Draft,
  next: Exclude<Next, { do: 'act' | 'wait' }>,
  { memory, hands, holdsDrift }: Context & { holdsDrift: boolean },
): Outcome<Facts> {
  const { underway, failed, unit } = memory;
  const { release } = draft;
  const facts = factsOfDraft(draft);
  const now = hands.clock.now();
  memory.underway = null;
  const inputs = underway?.inputs ?? '';
  if (next.do === 'rest') {
    Object.assign(release.status, NO_FAILURES, { history: trimmedHistory(release) });
    if (underway !== null) memory.reconciled = { inputs, wanted: underway.desired.wanted, at: now };
    memory.failed = null;
    memory.isExhausted = false;
    memory.changed = false;
    memory.resumedFor = null;
    unit.spread = null;
    if (unit.bundle !== null)
      release.status.inventory ??= { entries: inventoryOf(unit.bundle.objects.map(({ key }) => key)) };
    const conditions = atRest(release, hands.clock.time());
    return { type: 'done', facts: { ...facts, status: { ...release.status, conditions } } };
  }
  const count = failed?.inputs === inputs ? failed.count + 1 : 1;
  const isGivenUp = next.do === 'exhausted';
  const backoff = isGivenUp ? 0 : backoffDelay(count, hands.clock.random(), FAILURE_BACKOFF);
  const after = Math.max(next.after, backoff);
  const said = isGivenUp ? exhaustedSaid(next) : attemptSaid(release, next.why);
  memory.isExhausted = isGivenUp;
  memory.failed = { said, inputs, retryAt: now + after, count, holdsDrift };
  return { type: 'retry', facts: { ...facts, isStalled: isGivenUp }, said, after };
}

/** Failures that nobody needs any more leave the history, when one is remedied or all is well (helm-controller, actionForState). */
function trimmedHistory(release: HelmRelease): ReleaseSnapshot[] {
  const { history, lastAttemptedReleaseAction: tried } = release.status ?? {};
  const isRetried = tried !== undefined && remediationOf(release, tried).retryInterval !== null;
  return isRetried ? newestSnapshots(history) : truncateHistory(history, ignoresTestFailures(release));
}

function fail(
  { release, events }: Draft,
  { said, error, action }: Trouble,
  inputs: string,
  context: Context,
): Outcome<Facts> {
  const { memory, hands } = context;
  const now = hands.clock.now();
  const count = memory.failed?.inputs === inputs ? memory.failed.count + 1 : 1;
  const backoff = error.code === 'gated' ? 0 : backoffDelay(count, hands.clock.random(), FAILURE_BACKOFF);
  const after = Math.max(error.retryAfter ?? 0, backoff);
  memory.failed = { said, inputs, retryAt: now + after, count, holdsDrift: action === 'correct' };
  const facts = { status: release.status, events, running: null, held: null, isStalled: false };
  return { type: 'retry', facts, said, after };
}
