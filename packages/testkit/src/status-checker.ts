import type { KubeObject } from '@plumb/api';

interface Condition {
  type: string;
  status: string;
  reason: string;
  message: string;
  observedGeneration?: number;
  lastTransitionTime: string;
}

/** What a HelmRelease says beside its conditions. */
interface Release {
  history: readonly { version: number; status: string }[];
  failures: number;
  installFailures: number;
  upgradeFailures: number;
  lastAttemptedGeneration: number;
}

interface Status {
  kind: string;
  observedGeneration: number | undefined;
  conditions: readonly Condition[];
  generation: number;
  release: Release;
}

interface Rule {
  id: string;
  /** What must hold, for the reader of a failed test. */
  says: string;
  /** What breaks it; empty when nothing does. */
  broken(status: Status): readonly string[];
}

const MAX_MESSAGE = 32_768;
const ORDER = ['Stalled', 'Reconciling', 'Ready'];
const ONLY_WHEN_TRUE = [
  'Stalled',
  'Reconciling',
  'ArtifactOutdated',
  'FetchFailed',
  'BuildFailed',
  'Drifted',
  'StorageOperationFailed',
  'IncludeUnavailable',
];
/** Flux's HelmRelease says that there is no drift, too. */
const onlyWhenTrue = (kind: string): readonly string[] =>
  kind === 'HelmRelease' ? ONLY_WHEN_TRUE.filter((type) => type !== 'Drifted') : ONLY_WHEN_TRUE;
/** Conditions that tell what came of an action on a release, and the reasons they give. */
const OF_ACTIONS = ['Remediated', 'TestSuccess', 'Released'];
const OUTCOME = /^(Install|Upgrade|Test|Rollback|Uninstall)(Succeeded|Failed)$/;
/** metav1.Condition's own pattern for reasons. */
const REASON = /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/;
const SECOND = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/**
 * What must hold of the status of every Flux object after every write (design: invariant I6; Flux: fluxcd/pkg runtime/conditions).
 * Objects nobody has looked at yet (observedGeneration -1 or none, no conditions) keep all of them.
 */
const RULES: readonly Rule[] = [
  {
    id: 'S01',
    says: 'Ready is there exactly once',
    broken: ({ conditions }) => {
      const count = conditions.filter((condition) => condition.type === 'Ready').length;
      return conditions.length === 0 || count === 1 ? [] : [`${count} times`];
    },
  },
  {
    id: 'S02',
    says: 'no type stands twice',
    broken: ({ conditions }) =>
      conditions.map(({ type }) => type).filter((type, index, all) => type !== 'Ready' && all.indexOf(type) !== index),
  },
  {
    id: 'S03',
    says: 'Reconciling and Stalled never stand together',
    broken: ({ conditions }) =>
      has(conditions, 'Reconciling') && has(conditions, 'Stalled') ? ['both are there'] : [],
  },
  {
    id: 'S04',
    says: 'conditions about something wrong or under way are there only while True',
    broken: ({ conditions, kind }) =>
      each(conditions, ({ type, status }) => onlyWhenTrue(kind).includes(type) && status !== 'True'),
  },
  {
    id: 'S05',
    says: 'observedGeneration never runs ahead of metadata.generation',
    broken: ({ observedGeneration, conditions, generation }) => [
      ...((observedGeneration ?? -1) > generation
        ? [`status has ${observedGeneration}, the object ${generation}`]
        : []),
      ...each(conditions, (condition) => (condition.observedGeneration ?? 0) > generation),
    ],
  },
  {
    id: 'S06',
    says: 'every condition names the generation it speaks of',
    broken: ({ conditions }) => each(conditions, (condition) => condition.observedGeneration === undefined),
  },
  {
    id: 'S07',
    says: 'Stalled comes first, then Reconciling, then Ready, then the others',
    broken: ({ conditions }) => {
      const ranks = conditions.map(({ type }) => (ORDER.includes(type) ? ORDER.indexOf(type) : ORDER.length));
      return ranks.every((rank, index) => index === 0 || rank >= (ranks[index - 1] ?? 0)) ? [] : [types(conditions)];
    },
  },
  {
    id: 'S08',
    says: 'a reason is a CamelCase word',
    broken: ({ conditions }) => each(conditions, ({ reason }) => !REASON.test(reason) || !/^[A-Z]/.test(reason)),
  },
  {
    id: 'S09',
    says: `a message has at most ${MAX_MESSAGE} characters`,
    broken: ({ conditions }) =>
      each(conditions, ({ message }) => typeof message !== 'string' || [...message].length > MAX_MESSAGE),
  },
  {
    id: 'S10',
    says: 'a condition that says something is wrong says what',
    broken: ({ conditions }) =>
      each(conditions, ({ type, status, message }) => message === '' && type === 'Ready' && status === 'False'),
  },
  {
    id: 'S11',
    says: 'status is True, False or Unknown',
    broken: ({ conditions }) => each(conditions, ({ status }) => !['True', 'False', 'Unknown'].includes(status)),
  },
  {
    id: 'S12',
    says: 'lastTransitionTime is a time in whole seconds, UTC',
    broken: ({ conditions }) => each(conditions, ({ lastTransitionTime }) => !SECOND.test(lastTransitionTime)),
  },
  {
    id: 'S13',
    says: 'what is Ready is not Stalled',
    broken: ({ conditions }) => {
      const ready = conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
      return ready ? each(conditions, ({ type }) => type === 'Stalled') : [];
    },
  },
  {
    id: 'S14',
    says: 'what is Stalled is Ready=False with the generation observed',
    broken: ({ conditions, observedGeneration }) => {
      const stalled = conditions.find(({ type }) => type === 'Stalled');
      if (stalled === undefined) return [];
      const ready = conditions.find(({ type }) => type === 'Ready');
      return [
        ...(ready?.status === 'False' ? [] : [`Ready is ${ready?.status ?? 'not there'}`]),
        ...(observedGeneration === stalled.observedGeneration ? [] : [`status observed ${observedGeneration}`]),
      ];
    },
  },
  {
    id: 'S15',
    says: 'what Ready says of an action on a release, the condition of that action says as well',
    broken: ({ kind, conditions }) => {
      const ready = conditions.find(({ type }) => type === 'Ready');
      if (kind !== 'HelmRelease' || ready === undefined || !OUTCOME.test(ready.reason)) return [];
      const isSaid = conditions.some(
        ({ type, reason, message }) =>
          OF_ACTIONS.includes(type) && reason === ready.reason && message === ready.message,
      );
      return isSaid ? [] : [ready.reason];
    },
  },
  {
    id: 'S16',
    says: 'a release that had to be remedied is not Ready',
    broken: ({ kind, conditions }) =>
      kind === 'HelmRelease' && isReady(conditions) ? each(conditions, ({ type }) => type === 'Remediated') : [],
  },
  {
    id: 'S17',
    says: 'the newest release of one that is Ready is deployed, and no failures are counted',
    broken: ({ kind, conditions, release: { history, failures } }) => {
      if (kind !== 'HelmRelease' || !isReady(conditions)) return [];
      const newest = history[0]?.status ?? 'nothing';
      return [...(newest === 'deployed' ? [] : [newest]), ...(failures === 0 ? [] : [`${failures} failures`])];
    },
  },
  {
    id: 'S18',
    says: 'the history begins with the newest release, and has each once',
    broken: ({ release: { history } }) => {
      const versions = history.map(({ version }) => version);
      return versions.every((version, index) => index === 0 || version < (versions[index - 1] ?? 0))
        ? []
        : [versions.join(' ')];
    },
  },
  {
    id: 'S19',
    says: 'failed installs and upgrades are among the failures',
    broken: ({ release: { failures, installFailures, upgradeFailures } }) =>
      installFailures + upgradeFailures <= failures
        ? []
        : [`${installFailures} installs and ${upgradeFailures} upgrades of ${failures}`],
  },
  {
    id: 'S20',
    says: 'the last attempt was for no later generation than there is',
    broken: ({ generation, release: { lastAttemptedGeneration } }) =>
      lastAttemptedGeneration <= generation
        ? []
        : [`it was for ${lastAttemptedGeneration}, the object has ${generation}`],
  },
];

/** @returns one line for each rule that is broken: `S03 Reconciling and Stalled never stand together: both are there` */
export function checkStatus(object: KubeObject): string[] {
  const status = statusOf(object);
  return RULES.flatMap(({ id, says, broken }) => {
    const found = broken(status);
    return found.length === 0 ? [] : [`${id} ${says}: ${found.join(', ')}`];
  });
}

function statusOf(object: KubeObject): Status {
  const status = (object['status'] ?? {}) as Partial<Release> & {
    observedGeneration?: number;
    conditions?: Condition[];
  };
  const { history, failures = 0, installFailures = 0, upgradeFailures = 0, lastAttemptedGeneration = 0 } = status;
  const counters = { failures, installFailures, upgradeFailures };
  return {
    kind: object.kind,
    observedGeneration: status.observedGeneration,
    conditions: status.conditions ?? [],
    generation: object.metadata.generation ?? 0,
    release: { history: object.kind === 'HelmRelease' ? (history ?? []) : [], ...counters, lastAttemptedGeneration },
  };
}

function isReady(conditions: readonly Condition[]): boolean {
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
}

function has(conditions: readonly Condition[], type: string): boolean {
  return conditions.some((condition) => condition.type === type);
}

function each(conditions: readonly Condition[], broken: (condition: Condition) => boolean): string[] {
  return conditions.filter(broken).map(({ type, status, reason }) => `${type}=${status} (${reason})`);
}

function types(conditions: readonly Condition[]): string {
  return conditions.map(({ type }) => type).join(' ');
}
