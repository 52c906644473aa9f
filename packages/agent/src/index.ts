export { startAgent } from './agent.ts';
export type { Agent, AgentOptions } from './agent-options.ts';
export { Metrics } from './runtime/metrics.ts';
export type { MemberNews } from './runtime/members.ts';
export { selectionOf } from './runtime/selection.ts';
export type { Telling } from './runtime/finisher.ts';
export { logLine, toldLine } from './runtime/log-line.ts';
export { serveText, type TextServer } from './runtime/http-server.ts';
export { launchAgent, requestCounter, type LaunchedAgent, type LaunchOptions } from './launch.ts';
export { Decryption, withoutDecryption, type DecryptionOptions } from './delivery/decryption/decryption.ts';
export { buildBundle, type BuildContext } from './delivery/prepare.ts';
export { deliverOnce, type OnceOptions } from './delivery/deliver-once.ts';
export type { Change } from './delivery/apply.ts';
export { Referenced, readReferences, referencesOf, type Reference } from './delivery/references.ts';
export {
  foreseeRelease,
  type Foreseen,
  type ForeseeOptions,
  type Standing,
} from './controllers/helmrelease/foresee.ts';
export { helmChartOf, sourceFlaw, sourceOf as chartSourceOf } from './controllers/helmrelease/source.ts';
export { Charts, type Chart } from './releases/charts.ts';
export { refuseForeign } from './releases/ownership.ts';
export type { ReleaseRecord } from './releases/record.ts';
export type { StoredRelease } from './releases/storage.ts';
export {
  apiVersionsOf,
  bundleOf as bundleOfRecord,
  renderIn,
  surroundingsOf,
  type RenderWish,
  type Surroundings,
} from './releases/render.ts';
export { ownedBy } from './releases/marks.ts';
export { valuesOf as releaseValuesOf, type Values } from './releases/values.ts';
export { wantedOf, type Desired as DesiredRelease } from './releases/wanted.ts';
export { wishOf } from './releases/bring-in.ts';
export { changeDigest } from './gates/change-records.ts';
export type { Content } from './gates/content.ts';
export { expressionFlaw } from './gates/expression-flaw.ts';
export { contentFindings, findingsIn } from './gates/findings.ts';
export { MASK } from './trial/compared.ts';
export { Coming } from './trial/coming.ts';
export { isSecret, Secrets } from './trial/secrets.ts';
export { diffOf, tryDeletions, tryObjects, type ObjectDiff, type Trial } from './trial/trial.ts';
