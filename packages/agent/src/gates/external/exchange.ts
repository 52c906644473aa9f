import { asPlumbError, oneLine, PlumbError, type ExternalRule, type KubeObject } from '@plumb/api';
import {
  externalTimes,
  headerProblem,
  referredNamespace,
  type ExternalAnswer,
  type ExternalQuestion,
} from '@plumb/core';
import type { Cluster } from '@plumb/kube';
import { proxied } from '@plumb/sources';
import { guardedLookup, tenantProblem } from './addresses.ts';

const LONGEST_REASON = 300;
/** Entries of Secrets that are none. */
const PUBLIC: ReadonlySet<string> = new Set(['username', 'ca.crt', 'tls.crt']);

export interface Exchange {
  rule: ExternalRule;
  /** Of the policy; empty for one of the cluster. */
  namespace: string;
  question: ExternalQuestion;
}

/** What was said, or why nothing was; and what of it must not be told. */
export interface Exchanged {
  said: { answer: ExternalAnswer } | { trouble: string };
  secrets: readonly string[];
}

/** Asks another system once. Never throws. */
export async function exchange(
  asked: Exchange,
  { cluster, signal }: { cluster: Cluster; signal: AbortSignal },
): Promise<Exchanged> {
  const secrets: string[] = [];
  const read = async (reference: Reference | undefined): Promise<Record<string, string>> => {
    if (reference === undefined) return {};
    const texts = await readSecret(reference, asked.namespace, { cluster, signal });
    for (const [key, text] of Object.entries(texts)) if (!PUBLIC.has(key)) secrets.push(text);
    return texts;
  };
  const { timeout } = externalTimes(asked.rule);
  const deadline = performance.now() + timeout;
  try {
    const system = asked.rule.jira ?? asked.rule.serviceNow ?? asked.rule.webhook;
    const login = headersOf(asked.rule, system?.secretRef?.name ?? '', await read(system?.secretRef));
    secrets.push(...Object.values(login));
    const certificates = certificatesOf(system?.certSecretRef?.name ?? '', await read(system?.certSecretRef));
    const answer = await send(asked, { login, ...certificates, deadline, signal });
    return { said: { answer }, secrets };
  } catch (error) {
    const late = performance.now() >= deadline && !(error instanceof PlumbError);
    const why = late ? `none came within ${timeout / 1_000} s` : reasonOf(error);
    return { said: { trouble: oneLine(why).slice(0, LONGEST_REASON) }, secrets };
  }
}

interface Sending {
  login: Readonly<Record<string, string>>;
  ca?: string | undefined;
  client?: { cert: string; key: string } | undefined;
  deadline: number;
  signal: AbortSignal;
}

async function send({ namespace, question }: Exchange, sending: Sending): Promise<ExternalAnswer> {
  const { login, ...how } = sending;
  const url = new URL(question.url);
  const isTenants = namespace !== '';
  const problem = isTenants ? tenantProblem(url.hostname) : null;
  if (problem !== null) throw new Error(problem);
  const { status, headers, body } = await proxied(url, {
    ...how,
    method: question.method,
    headers: { 'user-agent': 'plumb', ...question.headers, ...login },
    body: question.body,
    lookup: isTenants ? guardedLookup : undefined,
  });
  return { status, headers, body };
}

interface Reference {
  name: string;
  namespace?: string;
}

/** @throws Error in words for people where it cannot be read */
async function readSecret(
  reference: Reference,
  own: string,
  { cluster, signal }: { cluster: Cluster; signal: AbortSignal },
): Promise<Record<string, string>> {
  const { name } = reference;
  const place = referredNamespace(reference, own);
  const key = { group: '', version: 'v1', kind: 'Secret', namespace: place, name };
  let secret: KubeObject | null;
  try {
    secret = await cluster.get(key, { signal });
  } catch (error) {
    throw new Error(`Secret ${place}/${name} cannot be read: ${asPlumbError(error).message}`, { cause: error });
  }
  if (secret === null) throw new Error(`there is no Secret ${place}/${name}`);
  const data = (secret['data'] ?? {}) as Record<string, string>;
  return Object.fromEntries(Object.entries(data).map(([entry, text]) => [entry, decoded(text)]));
}

/** A line end at the end of a Secret's entry comes from the editor. */
function decoded(text: string): string {
  return Buffer.from(text, 'base64')
    .toString()
    .replace(/\r?\n$/, '');
}

/** What a Secret has to be sent. @throws Error in words for people where it is of no use */
function headersOf(
  rule: ExternalRule,
  name: string,
  entries: Readonly<Record<string, string>>,
): Record<string, string> {
  const headers = rule.webhook === undefined ? loginOf(name, entries) : lowered(entries);
  for (const [header, value] of Object.entries(headers)) {
    const problem = headerProblem(header, value);
    if (problem !== null) throw new Error(`of Secret ${name} ${problem}`);
  }
  return headers;
}

function lowered(entries: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(entries).map(([header, value]) => [header.toLowerCase(), value]));
}

function loginOf(name: string, entries: Readonly<Record<string, string>>): Record<string, string> {
  if (name === '') return {};
  const { username, password, token } = entries;
  const key = password ?? token;
  if (key === undefined) throw new Error(`Secret ${name} has neither password nor token`);
  if (username === undefined && token === undefined) throw new Error(`Secret ${name} has a password without username`);
  if (username === undefined) return { authorization: `Bearer ${key}` };
  return { authorization: `Basic ${Buffer.from(`${username}:${key}`).toString('base64')}` };
}

function certificatesOf(name: string, entries: Readonly<Record<string, string>>): Pick<Sending, 'ca' | 'client'> {
  if (name === '') return {};
  const { 'ca.crt': ca, 'tls.crt': cert, 'tls.key': key } = entries;
  if ((cert === undefined) !== (key === undefined))
    throw new Error(`Secret ${name} needs both tls.crt and tls.key, or neither`);
  if (ca === undefined && cert === undefined) throw new Error(`Secret ${name} has neither ca.crt nor tls.crt`);
  return { ...(ca !== undefined && { ca }), ...(cert !== undefined && key !== undefined && { client: { cert, key } }) };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message === '' ? ((error as NodeJS.ErrnoException).code ?? error.name) : error.message;
}
