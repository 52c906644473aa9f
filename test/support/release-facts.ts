import { randomBytes } from 'node:crypto';
import type { HelmRelease, KubeObject } from '@plumb/api';
import { REQUESTED_AT_ANNOTATION } from '@plumb/api';
import { BEHAVIOUR_ANNOTATION } from '@plumb/sandbox';
import { recordKey } from './helm.ts';
import type { Releases } from './releases.ts';
import { condition } from './world.ts';

// What a HelmRelease and Helm's storage say of a release, in few words, and templates that charts of scenarios are made of.

const SECRET = { group: '', version: 'v1', kind: 'Secret' } as const;

/** `True InstallSucceeded`; undefined where the condition is not there. */
export function says(release: HelmRelease, type: string): string | undefined {
  const found = condition(release as unknown as KubeObject, type);
  return found === undefined ? undefined : `${found.status} ${found.reason}`;
}

export function messageOf(release: HelmRelease, type: string): string | undefined {
  return condition(release as unknown as KubeObject, type)?.message;
}

/** The snapshots of the status, newest first: `v2 deployed upgrade`. */
export function historyOf({ status }: HelmRelease): string[] {
  return (status?.history ?? []).map(({ version, status: state, action }) =>
    [`v${version}`, state, action ?? ''].join(' ').trim(),
  );
}

/** failures, installFailures, upgradeFailures. */
export function failuresOf({ status }: HelmRelease): [number, number, number] {
  const { failures = 0, installFailures = 0, upgradeFailures = 0 } = status ?? {};
  return [failures, installFailures, upgradeFailures];
}

/** The records in Helm's storage, newest first: `v2 deployed`. */
export async function recordsOf(
  releases: Releases,
  name: string,
  namespace = releases.world.namespace,
): Promise<string[]> {
  const { items } = await releases.world.cluster.list(SECRET, {
    namespace,
    labelSelector: `owner=helm,name=${name}`,
  });
  const found = items.map(({ metadata: { labels = {} } }) => ({
    version: Number(labels['version']),
    status: labels['status'],
  }));
  return found.toSorted((a, b) => b.version - a.version).map(({ version, status }) => `v${version} ${status}`);
}

/** An Event is written beside the status, and may come a moment after it. */
export const TOLD_WITHIN = { timeout: 45_000 };

/** Reasons and messages of all events about a release, oldest first, without repetition. */
export async function eventsOf(releases: Releases, name: string): Promise<string[]> {
  const events = await releases.world.events(releases.key(name));
  return [...new Set(events.map(({ reason, message }) => `${reason}: ${message}`))];
}

/** A ConfigMap named for the release; `text` may hold template actions. */
export function configMapTemplate(suffix: string, data: Readonly<Record<string, string>>, head = ''): string {
  const entries = Object.entries(data).map(([key, text]) => `  ${key}: ${text}\n`);
  return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-${suffix}\n${head}data:\n${entries.join('')}`;
}

interface Scripted {
  /** What the simulated nodes are to do with its Pods (packages/sandbox, behaviour.ts). */
  behaviour?: string;
  /** Lines of metadata.annotations, without indent. */
  annotations?: Readonly<Record<string, string>>;
}

function annotationLines(annotations: Readonly<Record<string, string>>, indent: string): string {
  const lines = Object.entries(annotations).map(([key, text]) => `${indent}  ${key}: ${JSON.stringify(text)}\n`);
  return lines.length === 0 ? '' : `${indent}annotations:\n${lines.join('')}`;
}

/** A Deployment of one Pod. */
export function deploymentTemplate(suffix: string, { behaviour = '', annotations = {} }: Scripted = {}): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}-${suffix}
${annotationLines(annotations, '  ')}spec:
  replicas: 1
  selector: {matchLabels: {app: {{ .Release.Name }}-${suffix}}}
  template:
    metadata:
      labels: {app: {{ .Release.Name }}-${suffix}}
${annotationLines({ [BEHAVIOUR_ANNOTATION]: behaviour }, '      ')}    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: main, image: shop/cart:1.0.0}]
`;
}

/** A Job of one Pod that is not tried again. */
export function jobTemplate(
  suffix: string,
  { behaviour = 'run=100ms', annotations = {}, ttl }: Scripted & { ttl?: number } = {},
): string {
  return `apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .Release.Name }}-${suffix}
${annotationLines(annotations, '  ')}spec:
  backoffLimit: 0
${ttl === undefined ? '' : `  ttlSecondsAfterFinished: ${ttl}\n`}  template:
    metadata:
${annotationLines({ [BEHAVIOUR_ANNOTATION]: behaviour }, '      ')}    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 0
      containers: [{name: main, image: shop/cart:1.0.0}]
`;
}

/** A Pod that ends. */
export function podTemplate(suffix: string, { behaviour = 'run=100ms', annotations = {} }: Scripted = {}): string {
  return `apiVersion: v1
kind: Pod
metadata:
  name: {{ .Release.Name }}-${suffix}
${annotationLines({ [BEHAVIOUR_ANNOTATION]: behaviour, ...annotations }, '  ')}spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 0
  containers: [{name: main, image: shop/cart:1.0.0}]
`;
}

/** A Service that the API server refuses: its port is none. */
export const REFUSED_SERVICE = `apiVersion: v1
kind: Service
metadata:
  name: {{ .Release.Name }}-refused
spec:
  ports: [{port: 70000}]
`;

/** Annotations that make a hook of an object. */
export function hook(events: string, more: { weight?: number; delete?: string } = {}): Record<string, string> {
  return {
    'helm.sh/hook': events,
    ...(more.weight === undefined ? {} : { 'helm.sh/hook-weight': String(more.weight) }),
    ...(more.delete === undefined ? {} : { 'helm.sh/hook-delete-policy': more.delete }),
  };
}

/** Asks for a run, as `flux reconcile helmrelease` does; `also` names the requests that come with it (`--force`, `--reset`). @returns the token */
export async function request(releases: Releases, name: string, also: readonly string[] = []): Promise<string> {
  const token = `${new Date().toISOString()}-${randomBytes(2).toString('hex')}`;
  const annotations = Object.fromEntries([REQUESTED_AT_ANNOTATION, ...also].map((key) => [key, token]));
  await releases.world.cluster.patch(releases.key(name), { metadata: { annotations } }, { type: 'merge' });
  return token;
}

/** Waits until a request was answered. */
export function answered(releases: Releases, name: string, token: string): Promise<HelmRelease> {
  return releases.until(name, `answer ${token}`, ({ status }) => status?.lastHandledReconcileAt === token);
}

/** Waits until Helm's storage has this record of a release in this status. */
export async function stored(releases: Releases, name: string, version: number, status: string): Promise<void> {
  const key = recordKey(releases.world.namespace, name, version);
  const holds = (secret: KubeObject | null): boolean => secret?.metadata.labels?.['status'] === status;
  await releases.world.until(key, `be ${status}`, holds);
}
