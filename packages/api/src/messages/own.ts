import { formatDuration } from '../duration.ts';
import { displayKey, type ObjectKey } from '../object.ts';
import { DRIFT_ANNOTATION } from '../names.ts';
import { some } from '../some.ts';
import { message } from './message.ts';

type Named = Pick<ObjectKey, 'kind' | 'namespace' | 'name'>;

const CART = { kind: 'Deployment', namespace: 'shop', name: 'cart' };

/** One field that differs, its values as texts: hidden where they are secret, and short. */
export interface FieldDrift {
  path: string;
  declared: string;
  live: string;
}

const LONGEST_CHANGES = 700;
const LONGEST_VALUE = 60;

/** As many of the changes as leave an event readable, and how many there are beside them. */
function changed(changes: readonly FieldDrift[], more: number): string {
  const texts = changes.map(({ path, declared, live }) => `${path} (declared ${declared}, is ${live})`);
  let length = 0;
  const shown = texts.filter((text, index) => (length += text.length) <= LONGEST_CHANGES || index === 0);
  const left = more + texts.length - shown.length;
  const list = shown.map(cutLong).join(', ');
  if (list === '') return 'it';
  return left === 0 ? list : `${list} and ${left} more`;
}

function cutLong(text: string): string {
  return text.length <= LONGEST_CHANGES ? text : `${text.slice(0, LONGEST_CHANGES - 1)}…`;
}

function cut(text: string): string {
  return text.length <= LONGEST_VALUE ? text : `${text.slice(0, LONGEST_VALUE - 1)}…`;
}

function who(managers: readonly string[]): string {
  return managers.length === 0 ? 'somebody' : some(managers);
}

/** What Flux has no words for. Fields are named by path. Values are shown of drift that is left only, and never one that may be a secret. */
export const ownMessages = {
  invalidSpec: message({
    id: 'invalid-spec',
    level: 'error',
    reason: 'InvalidSpec',
    channels: ['condition', 'event', 'log'],
    text: (p: { problems: readonly { path: string; message: string }[] }) =>
      some(p.problems.map((problem) => `${problem.path} ${problem.message}`)),
    example: { problems: [{ path: 'spec.interval', message: 'must be a duration such as 1m30s' }] },
  }),
  emptyResult: message({
    id: 'empty-result',
    level: 'error',
    reason: 'EmptyResult',
    channels: ['condition', 'event', 'log'],
    text: (p: { path: string; objects: number }) =>
      `refused: the build of '${p.path}' gave no object and would delete all ${p.objects} that were applied; ` +
      'to delete them, delete this Kustomization',
    example: { path: './apps/staging', objects: 12 },
  }),
  gated: message({
    id: 'gated',
    level: 'info',
    reason: 'Gated',
    channels: ['condition', 'event', 'log'],
    text: (p: { why: string }) => p.why,
    example: {
      why: 'waits for 1 more approval by group sre, and for the window Tue 12:00–18:00 America/Los_Angeles, opens 2026-11-03T20:00:00Z',
    },
  }),
  gateOverridden: message({
    id: 'gate-overridden',
    level: 'error',
    reason: 'GateOverridden',
    channels: ['event', 'log'],
    text: (p: { change: string; cause: string; skipped: readonly { rule: string; policy: string; why: string }[] }) =>
      `${p.change}, of the cause ${p.cause}, passes by an override: ${some(p.skipped.map(({ rule, policy, why }) => `${rule} in ${policy} ${why}`))}`,
    example: {
      change: 'ks-shop-8a1f0c2d9b3e',
      cause: 'emergency',
      skipped: [
        {
          rule: 'windows',
          policy: 'ReleasePolicy/shop/production',
          why: 'overridden by alice: the shop is down',
        },
      ],
    },
  }),
  gateEdited: message({
    id: 'gate-edited',
    level: 'error',
    reason: 'PolicyWarning',
    channels: ['event', 'log'],
    text: (p: { change: string; edited: readonly { policy: string; message: string }[] }) =>
      `${p.change} passes, and was held by a policy that was edited since: ${some(p.edited.map(({ policy, message: why }) => `${policy}: ${why}`))}`,
    example: {
      change: 'ks-shop-8a1f0c2d9b3e',
      edited: [{ policy: 'ReleasePolicy/shop/production', message: 'held by generation 3, passed by generation 4' }],
    },
  }),
  gateLost: message({
    id: 'gate-lost',
    level: 'error',
    reason: 'PolicyWarning',
    channels: ['event', 'log'],
    text: (p: { why: string }) => `passes without approval: ${p.why}`,
    example: {
      why: 'waits for an approval by anybody of the deletion of PersistentVolumeClaim/shop/data; but its namespace is being deleted, and nobody can approve anything in it',
    },
  }),
  policyWarning: message({
    id: 'policy-warning',
    level: 'error',
    reason: 'PolicyWarning',
    channels: ['event', 'log'],
    text: (p: { warnings: readonly { rule: string; policy: string; message: string }[] }) =>
      some(p.warnings.map(({ rule, policy, message: text }) => `${rule} in ${policy}: ${text}`)),
    example: {
      warnings: [
        {
          rule: 'checks/few-replicas',
          policy: 'ReleasePolicy/shop/production',
          message: 'Deployment/shop/cart: asks for 5 replicas, 3 at most',
        },
      ],
    },
  }),
  policySound: message({
    id: 'policy-sound',
    level: 'info',
    reason: 'Succeeded',
    channels: ['condition'],
    text: () => 'the policy is valid',
    example: {},
  }),
  policyFlawed: message({
    id: 'policy-flawed',
    level: 'error',
    reason: 'InvalidSpec',
    channels: ['condition'],
    text: (p: { flaw: string }) => `the policy is invalid, and holds all that it selects: ${p.flaw}`,
    example: {
      flaw: "windows[0]: 'Mars/Olympus' is no time zone; name one of the IANA database, such as Europe/Berlin",
    },
  }),
  buildWarnings: message({
    id: 'build-warnings',
    level: 'info',
    reason: 'BuildWarnings',
    channels: ['event', 'log'],
    text: (p: { warnings: readonly string[] }) => `kustomize warns: ${some(p.warnings)}`,
    example: { warnings: ["'commonLabels' is deprecated. Please use 'labels' instead."] },
  }),
  dependencyCycle: message({
    id: 'dependency-cycle',
    level: 'info',
    reason: 'DependencyNotReady',
    channels: ['condition', 'event', 'log'],
    text: (p: { cycle: readonly string[] }) => `dependency cycle: ${p.cycle.join(' -> ')}`,
    example: { cycle: ['shop/cart', 'shop/orders', 'shop/cart'] },
  }),
  sourceNotServed: message({
    id: 'source-not-served',
    level: 'error',
    reason: 'ArtifactFailed',
    channels: ['condition', 'log'],
    text: (p: { source: Named; apiVersion: string }) =>
      `Source '${displayKey(p.source)}' not found: the cluster serves no kind ${p.source.kind} in ${p.apiVersion}`,
    example: {
      source: { kind: 'OCIRepository', namespace: 'flux-system', name: 'shop' },
      apiVersion: 'source.toolkit.fluxcd.io/v1',
    },
  }),
  dependencyNotServed: message({
    id: 'dependency-not-served',
    level: 'info',
    reason: 'DependencyNotReady',
    channels: ['condition', 'event', 'log'],
    text: (p: { dependency: string; kind: string; apiVersion: string }) =>
      `dependency '${p.dependency}' not found: the cluster serves no kind ${p.kind} in ${p.apiVersion}`,
    example: { dependency: 'HelmRelease/shop/cart', kind: 'HelmRelease', apiVersion: 'helm.toolkit.fluxcd.io/v2' },
  }),
  dependencyUnknown: message({
    id: 'dependency-unknown',
    level: 'info',
    reason: 'DependencyNotReady',
    channels: ['condition', 'event', 'log'],
    text: (p: { dependency: string; why: string }) => `dependency '${p.dependency}' cannot be read: ${p.why}`,
    example: { dependency: 'HelmRelease/shop/cart', why: 'no answer yet' },
  }),
  notEvaluated: message({
    id: 'not-evaluated',
    level: 'error',
    reason: 'ReconciliationFailed',
    channels: ['condition', 'event', 'log'],
    text: (p: { error: string }) => `the CEL expressions of the spec could not be evaluated: ${p.error}`,
    example: { error: 'cel.check took longer than 10000 ms' },
  }),
  clusterAway: message({
    id: 'cluster-away',
    level: 'error',
    reason: 'ReconciliationFailed',
    channels: ['condition', 'event', 'log'],
    text: (p: { host: string; from: string; since: Date; error: string }) =>
      `the cluster at ${p.host} (${p.from}) has not answered since ${p.since.toISOString()}: ${p.error}`,
    example: {
      host: 'prod.example:6443',
      from: 'Secret/shop/prod-kubeconfig',
      since: new Date(Date.UTC(2026, 0, 2, 3, 4, 5)),
      error: 'cannot connect to prod.example:6443: connect ECONNREFUSED 192.0.2.7:6443',
    },
  }),
  clusterLeft: message({
    id: 'cluster-left',
    level: 'error',
    reason: 'PruneFailed',
    channels: ['event', 'log'],
    text: (p: { error: string; objects: readonly Named[] }) =>
      `unable to prune objects, they are left in their cluster: ${p.error}\n` +
      p.objects.map((object) => displayKey(object)).join('\n'),
    example: {
      error: `unable to read KubeConfig secret 'shop/prod-kubeconfig' error: secrets "prod-kubeconfig" not found`,
      objects: [CART],
    },
  }),
  driftCorrected: message({
    id: 'drift-corrected',
    level: 'info',
    reason: 'DriftCorrected',
    channels: ['event', 'log'],
    text: (p: { object: Named; managers: readonly string[]; paths: readonly string[] }) =>
      `drift corrected: ${displayKey(p.object)}: ${who(p.managers)} changed ${p.paths.length === 0 ? 'it' : some(p.paths)}`,
    example: { object: CART, managers: ['kubectl-edit'], paths: ['.spec.replicas'] },
  }),
  deletionCorrected: message({
    id: 'deletion-corrected',
    level: 'info',
    reason: 'DriftCorrected',
    channels: ['event', 'log'],
    text: (p: { object: Named }) => `drift corrected: ${displayKey(p.object)} was deleted and is created again`,
    example: { object: CART },
  }),
  driftDetected: message({
    id: 'drift-detected',
    level: 'error',
    reason: 'DriftDetected',
    channels: ['event', 'log'],
    text: (p: { object: Named; managers: readonly string[]; changes: readonly FieldDrift[]; more: number }) =>
      `drift detected: ${displayKey(p.object)}: ${who(p.managers)} changed ${changed(p.changes, p.more)}; it is left so`,
    example: {
      object: CART,
      managers: ['kubectl-scale'],
      changes: [{ path: 'spec.replicas', declared: '2', live: '7' }],
      more: 0,
    },
  }),
  deletionDetected: message({
    id: 'deletion-detected',
    level: 'error',
    reason: 'DriftDetected',
    channels: ['event', 'log'],
    text: (p: { object: Named }) => `drift detected: ${displayKey(p.object)} was deleted; it is not created again`,
    example: { object: CART },
  }),
  drifted: message({
    id: 'drifted',
    level: 'error',
    reason: 'DriftDetected',
    channels: ['condition'],
    text: (p: { objects: readonly Named[] }) =>
      `${p.objects.length === 1 ? '1 object differs' : `${p.objects.length} objects differ`} from what is declared and ` +
      `${p.objects.length === 1 ? 'is' : 'are'} left so: ${some(p.objects.map(displayKey))}`,
    example: { objects: [CART, { kind: 'ConfigMap', namespace: 'shop', name: 'settings' }] },
  }),
  unknownDriftMode: message({
    id: 'unknown-drift-mode',
    level: 'error',
    reason: 'UnknownDriftMode',
    channels: ['event', 'log'],
    text: (p: { object: Named; value: string }) =>
      `${displayKey(p.object)}: ${DRIFT_ANNOTATION} is "${cut(p.value)}", which is none of correct, warn and ignore; its drift is corrected`,
    example: { object: CART, value: 'warning' },
  }),
  releaseAdopted: message({
    id: 'release-adopted',
    level: 'info',
    reason: 'ReleaseAdopted',
    channels: ['event', 'log'],
    text: (p: { why: string }) => p.why,
    example: { why: 'shop/cart.v3 is as declared, though made by others: taken over as it is' },
  }),
  releaseHeld: message({
    id: 'release-held',
    level: 'info',
    reason: 'Progressing',
    channels: ['condition'],
    text: (p: { release: string; status: string }) =>
      `release ${p.release} is in ${p.status} state, and not by this agent: waiting for whoever works on it`,
    example: { release: 'shop/cart.v3', status: 'pending-upgrade' },
  }),
  releaseRecovery: message({
    id: 'release-recovery',
    level: 'info',
    reason: 'ReleaseRecovery',
    channels: ['event', 'log'],
    text: (p: { action: string; why: string }) => `going on with ${p.action}: ${p.why}`,
    example: { action: 'upgrade', why: 'what the release depends on changed since it was given up' },
  }),
  recreated: message({
    id: 'recreated',
    level: 'info',
    reason: 'Progressing',
    channels: ['event', 'log'],
    text: (p: { object: Named; fields: readonly string[] }) =>
      `${displayKey(p.object)} was deleted and created again: ` +
      `${p.fields.length === 0 ? 'what changed' : some(p.fields)} cannot be changed in place`,
    example: { object: CART, fields: ['spec.selector'] },
  }),
  driftLoop: message({
    id: 'drift-loop',
    level: 'error',
    reason: 'DriftLoop',
    channels: ['event', 'log'],
    text: (p: { object: Named; managers: readonly string[]; corrections: number; within: number; next: number }) =>
      `${displayKey(p.object)} was put right ${p.corrections} times within ${formatDuration(p.within)} and ` +
      `${who(p.managers)} changed it again; next correction in ${formatDuration(p.next)}`,
    example: { object: CART, managers: ['other-controller'], corrections: 5, within: 60_000, next: 30_000 },
  }),
} as const;
