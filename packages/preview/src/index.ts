export { buildUnit, type BuildRequest, type Built } from './build.ts';
export { diffUnit, type DiffRequest } from './diff.ts';
export { printBuilt } from './print.ts';
export {
  HELM_RELEASES,
  KUSTOMIZATIONS,
  liveUnit,
  unitAmong,
  withLiveStatus,
  type UnitKind,
  type UnitName,
} from './read-unit.ts';
export { rehearse, type Rehearsal, type RehearseRequest } from './rehearse.ts';
export { readUnitSource, refuseIncluded, type UnitSource } from './source.ts';
export { buildAfresh, type BuiltRelease } from './release/build-release.ts';
export { loadChart, type ChartRequest } from './release/chart-place.ts';
export type { LoadedChart } from './release/chart-offer.ts';
export { compareReleases } from './release/compare-releases.ts';
export { declareRelease, type DeclareRequest, type DeclaredRelease } from './release/declare.ts';
export { diffRelease, type DiffReleaseRequest, type HookRun, type ReleaseDiff } from './release/diff-release.ts';
export { declaredDifferences } from './release/outlook.ts';
export { printRelease, type Extras } from './release/print-release.ts';
export { roomOf, type Room } from './release/surroundings.ts';
export type { GateCluster } from './gates/asking.ts';
export { listChanges, readChange, type ChangeId } from './gates/changes.ts';
export { decide, type Decided, type Decision } from './gates/decide.ts';
export { whatCameOf, type Heard } from './gates/heard.ts';
export { endLockdown, endTime, listLockdowns, lockDown, type LockdownWish } from './gates/lockdowns.ts';
export { diffsOfPlan, readPlan } from './gates/plan.ts';
export { lockdownKind, lockdownSubject, lockdownText, selectionText } from './gates/rules.ts';
export type { LockdownStanding, RuleStanding } from './gates/standings.ts';
export { whyOf, type UnitAsked, type Why } from './gates/why.ts';
export { objectsIn } from './policy/declared.ts';
export { clusterPolicies } from './policy/cluster-policies.ts';
export { policiesAmong, isLockdown, isPolicy, type GivenPolicies, type PolicyFlaw } from './policy/read-policies.ts';
export { readRepository, type Repository, type RepositoryTools } from './policy/read-repository.ts';
export { readRecorded, replayRecorded } from './policy/recorded-change.ts';
export { runPolicies, type PolicyReport, type PolicyRun } from './policy/policy-run.ts';
export { judgeKnown, type Approver, type UnitVerdict } from './policy/judge-units.ts';
export type { RuleOutcome, RuleVerdict } from './policy/rule-verdicts.ts';
