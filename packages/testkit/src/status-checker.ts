import type { KubeObject } from '@plumb/api';

interface Condition {
  type: string;
  status: string;
  reason: string;
  message: string;
  observedGeneration?: number;
  lastTransitionTime: string;
}

interface Status {
  observedGeneration: number | undefined;
  conditions: readonly Condition[];
  generation: number;
  kind: string;
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
  'StorageOperationFailed',
  'IncludeUnavailable',
];
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
    broken: ({ conditions, kind }) => {
      // Of a HelmRelease it says that somebody looked.
      const others = kind === 'HelmRelease' ? ONLY_WHEN_TRUE : [...ONLY_WHEN_TRUE, 'Drifted'];
      return each(conditions, ({ type, status }) => others.includes(type) && status !== 'True');
    },
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
  const status = (object['status'] ?? {}) as { observedGeneration?: number; conditions?: Condition[] };
  return {
    observedGeneration: status.observedGeneration,
    conditions: status.conditions ?? [],
    generation: object.metadata.generation ?? 0,
    kind: object.kind,
  };
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
