import type { KubeObject } from '@plumb/api';
import { keyId } from '@plumb/api';
import { EVENT } from '../claims.ts';
import type { Deed, Deeds } from './deeds.ts';
import { deedsOf } from './deeds.ts';
import type { ReleaseField } from './field.ts';
import type { Model, TroubleName } from './model.ts';
import { OBJECT_KINDS } from './model.ts';

/** An Event, as far as it is read. */
export interface Told {
  readonly reason: string;
  readonly message: string;
  readonly count?: number;
  readonly involvedObject: { readonly name: string };
}

/** What really happened. */
export interface Truth {
  readonly deeds: Deeds;
  /** How often an object was changed or deleted by hand, by its id. */
  driftsOf(id: string): number;
  /** What was ever wrong with a HelmRelease. */
  readonly suffered: ReadonlyMap<string, ReadonlySet<TroubleName>>;
}

const SUCCEEDED: readonly [pattern: RegExp, deed: Deed][] = [
  [/^Helm install succeeded for release (\S+) with chart \S+$/, 'install'],
  [/^Helm upgrade succeeded for release (\S+) with chart \S+$/, 'upgrade'],
  [/^Helm rollback to previous release (\S+) with chart \S+ succeeded$/, 'rollback'],
  [/^Helm uninstall succeeded for release (\S+) with chart \S+$/, 'uninstall'],
  [/^Helm uninstall remediation for release (\S+) with chart \S+ succeeded$/, 'uninstall'],
  [/^Unlocked Helm release (\S+) with chart \S+ in \S+ state$/, 'unlock'],
];

/** How each trouble shows. What lasts too long does so by a timeout that is short for all that is done meanwhile. A chart's own hook before it is deleted may fail once, the engine may be killed, and what is declared anew cuts short what was under way. */
const SYMPTOMS: readonly [pattern: RegExp, trouble: TroubleName | 'anything'][] = [
  [/this chart has no such trouble/, 'broken'],
  [/-refused\b/, 'refused'],
  [/-pre failed: Job has reached/, 'hook-fails'],
  [/-(pre|post) failed: it did not end within 2s/, 'hook-waits'],
  [/-(pre|post) failed: it did not end within 2s/, 'unready'],
  [/: not applied within 2s;/, 'hook-waits'],
  [/: not applied within 2s;/, 'unready'],
  [/-post failed: Job has reached/, 'after-fails'],
  [/-test failed/, 'test-fails'],
  [/not ready within 2s/, 'unready'],
  [/-leave failed/, 'anything'],
  [/\bthe helper ended\b/, 'anything'],
  [/\b[Nn]ew reconciliation triggered by \S+$/, 'anything'],
  [/: it was cut short: the release is being deleted$/, 'anything'],
];
/** Reasons of events that need a trouble of any kind. */
const GIVEN_UP: ReadonlySet<string> = new Set(['RetriesExceeded', 'MissingRollbackTarget', 'ReleaseRecovery']);
const FAILED = /Failed$/;
const HARMLESS: ReadonlySet<string> = new Set(['TestSucceeded']);
/** Of drift that is found, and that is put right: a line for each object. */
const DRIFTS: readonly [pattern: RegExp, what: string][] = [
  [/^Cluster state of release \S+ has drifted from the desired state:\n([^]*)$/, 'drift'],
  [/^Cluster state of release \S+ has been corrected:\n([^]*)$/, 'correction'],
];

export async function eventsOf({ cluster, namespace }: ReleaseField): Promise<Told[]> {
  const { items } = await cluster.list(EVENT, { namespace });
  return items as unknown as (Told & KubeObject)[];
}

export function truthOf({ history, byHand }: ReleaseField, { suffered }: Model): Truth {
  const histories = [...history.entries()].map(([, states]) => states);
  return { deeds: deedsOf(histories), driftsOf: (id) => byHand.driftsOf(id), suffered };
}

/** Events that claim what did not happen, or more of it than did. */
export function claimProblems(events: readonly Told[], truth: Truth): string[] {
  const told = new Map<string, number>();
  const drifts = new Map<string, number>();
  const found: string[] = [];
  for (const event of events) {
    const { reason, message, count = 1 } = event;
    const [deed, release] = successOf(message) ?? [];
    const drifted = driftsIn(message);
    if (deed !== undefined) add(told, `${deed} ${release}`, count);
    else if (drifted.length > 0) for (const what of drifted) add(drifts, what, count);
    else if (!HARMLESS.has(reason)) found.push(...troubleProblems(event, truth));
  }
  return [
    ...found,
    ...[...told].flatMap(([what, times]) => tooOften(what, times, truth.deeds.get(what) ?? 0)),
    ...[...drifts].flatMap(([what, times]) =>
      tooOften(what, times, truth.driftsOf(what.slice(what.lastIndexOf(' ') + 1))),
    ),
  ];
}

function add(counts: Map<string, number>, what: string, count: number): void {
  counts.set(what, (counts.get(what) ?? 0) + count);
}

function tooOften(what: string, told: number, done: number): string[] {
  return told <= done ? [] : [`events tell of ${what} ${told} times, and it happened ${done} times`];
}

function successOf(message: string): [deed: Deed, release: string] | null {
  for (const [pattern, deed] of SUCCEEDED) {
    const release = pattern.exec(message)?.[1];
    if (release !== undefined) return [deed, release];
  }
  return null;
}

/** What a message says of drifted objects, by their ids: `correction of /ConfigMap/shop/alder-settings`. */
function driftsIn(message: string): string[] {
  return DRIFTS.flatMap(([pattern, what]) =>
    (pattern.exec(message)?.[1]?.split('\n') ?? []).flatMap((line) => {
      const [, kind, namespace = '', name = ''] = /^(\w+)\/([^/]+)\/(\S+)(?: |$)/.exec(line) ?? [];
      const ref = OBJECT_KINDS.find((one) => one.kind === kind);
      return ref === undefined ? [] : [`${what} of ${keyId({ ...ref, namespace, name })}`];
    }),
  );
}

function troubleProblems({ reason, message, involvedObject: { name } }: Told, { suffered }: Truth): string[] {
  const had = suffered.get(name) ?? new Set();
  const says = `an event of ${name} says without cause: ${reason}: ${message}`;
  if (GIVEN_UP.has(reason)) return had.size > 0 ? [] : [says];
  const symptoms = SYMPTOMS.filter(([pattern]) => pattern.test(message)).map(([, trouble]) => trouble);
  const isOwn = FAILED.test(reason) && symptoms.some((trouble) => trouble !== 'anything' && had.has(trouble));
  return isOwn || symptoms.includes('anything') ? [] : [says];
}
