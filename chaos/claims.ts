import type { KindRef, KubeObject } from '@plumb/api';
import { displayKey } from '@plumb/api';
import { deedsOf } from './faithful.ts';
import type { Field } from './field.ts';
import type { Model } from './model.ts';

export const EVENT: KindRef = { group: '', version: 'v1', kind: 'Event' };
/** A longer message was cut: its last line may say anything. */
const MESSAGE_LIMIT = 1_024;

interface Told {
  reason: string;
  message: string;
  count?: number;
  involvedObject: { kind: string; name: string };
}

/** How often events say that something was done to one object. */
interface Claims {
  created: number;
  configured: number;
  deleted: number;
  /** Drift corrected: how often, and how often of a deletion. */
  corrected: number;
  recreated: number;
}

/** Events that claim what did not happen: more often than the history shows, or about what the unit never declared. */
export async function claimProblems(field: Field, model: Model): Promise<string[]> {
  const { items } = await field.cluster.list(EVENT, { namespace: field.namespace });
  const events = items as unknown as (Told & KubeObject)[];
  const found = events.flatMap((event) => [...revisionProblems(event, field), ...healthProblems(event, field)]);
  for (const id of model.owners.keys()) {
    const [, kind = '', namespace = '', name = ''] = id.split('/');
    const shown = displayKey({ kind, namespace, name });
    const claims = claimsOf(events, shown);
    found.push(...tooMuch(shown, claims, field, id));
    const others = events.filter(
      (event) => speaksOf(event, shown) && model.owners.get(id)?.has(event.involvedObject.name) !== true,
    );
    found.push(
      ...others.map((event) => `an event of ${event.involvedObject.name} speaks of ${shown}, which it never declared`),
    );
  }
  return found;
}

function tooMuch(shown: string, claims: Claims, field: Field, id: string): string[] {
  const deeds = deedsOf(field, id);
  const drifts = field.byHand.driftsOf(id);
  const rows = [
    { what: 'created', told: claims.created + claims.recreated, done: deeds.created },
    { what: 'changed', told: claims.configured + claims.corrected - claims.recreated, done: deeds.changed },
    { what: 'deleted', told: claims.deleted, done: deeds.deleted },
    { what: 'put right after drift', told: claims.corrected, done: drifts },
  ];
  return rows.flatMap(({ what, told, done }) =>
    told <= done ? [] : [`events say that ${shown} was ${what} ${told} times, and it happened ${done} times`],
  );
}

function claimsOf(events: readonly Told[], shown: string): Claims {
  const claims: Claims = { created: 0, configured: 0, deleted: 0, corrected: 0, recreated: 0 };
  for (const { count = 1, ...event } of events) {
    for (const line of linesOf(event)) {
      if (line === `${shown} created`) claims.created += count;
      else if (line === `${shown} configured`) claims.configured += count;
      else if (line === `${shown} deleted`) claims.deleted += count;
      else if (line.startsWith(`drift corrected: ${shown}: `)) claims.corrected += count;
      else if (line === `drift corrected: ${shown} was deleted and is created again`) {
        claims.corrected += count;
        claims.recreated += count;
      }
    }
  }
  return claims;
}

function speaksOf(event: Pick<Told, 'message'>, shown: string): boolean {
  const words = [`${shown} `, `drift corrected: ${shown} `, `drift corrected: ${shown}: `];
  return linesOf(event).some((line) => words.some((start) => line.startsWith(start)));
}

function linesOf({ message }: Pick<Told, 'message'>): string[] {
  const lines = message.split('\n');
  return message.length < MESSAGE_LIMIT ? lines : lines.slice(0, -1);
}

/** What units declare is healthy as soon as it is there, and nobody keeps it away for as long as they wait. */
function healthProblems({ reason, message, involvedObject: { name } }: Told, { waited }: Field): string[] {
  if (reason === 'HealthCheckFailed') return [`an event of ${name} says without cause: ${message}`];
  if (waited.has(name) || !message.includes('Health check passed')) return [];
  return [`an event of ${name}, which waits for no health, says: ${message}`];
}

function revisionProblems({ metadata, involvedObject }: Told & KubeObject, field: Field): string[] {
  const told = Object.entries(metadata.annotations ?? {}).find(([name]) => name.endsWith('/revision'))?.[1];
  if (told === undefined || field.revisions.has(told)) return [];
  return [`an event of ${involvedObject.name} names the revision ${told}, which was never pushed`];
}
