import { formatTime, oneLine, parseDuration, type ExternalRule, type JiraRule, type ServiceNowRule } from '@plumb/api';
import type { ChangeFacts, Findings } from './facts.ts';

/** What is sent to another system. */
export interface ExternalQuestion {
  method: string;
  url: string;
  headers: Readonly<Record<string, string>>;
  body?: string;
}

/** What it says. */
export interface ExternalAnswer {
  status: number;
  /** By their names in lower case. */
  headers: Readonly<Record<string, string>>;
  body: string;
}

/** How the rule names what is asked of its policy. */
export const externalName = ({ name }: Pick<ExternalRule, 'name'>): string => `external/${name}`;

/** Milliseconds. */
export interface ExternalTimes {
  timeout: number;
  retryInterval: number;
  cache: number;
}

const USUAL = { timeout: '10s', retryInterval: '30s', cache: '1m' } as const;

/** @throws PlumbError where one is no duration */
export function externalTimes(rule: ExternalRule): ExternalTimes {
  const { timeout = USUAL.timeout, retryInterval = USUAL.retryInterval, cache = USUAL.cache } = rule;
  return {
    timeout: parseDuration(timeout),
    retryInterval: parseDuration(retryInterval),
    cache: parseDuration(cache),
  };
}

const ISSUE = "source.message.find('[A-Z][A-Z0-9_]+-[0-9]+')";
const NUMBER = "source.message.find('CHG[0-9]+')";

/** The expression that says what a rule asks, and whether it gives a text: an issue's key, a change request's number, or the body of a request; null where nothing has to be evaluated. */
export function askedExpression({
  jira,
  serviceNow,
  webhook,
}: ExternalRule): { expression: string; isText: boolean } | null {
  if (jira !== undefined) return { expression: jira.issue ?? ISSUE, isText: true };
  if (serviceNow !== undefined) return { expression: serviceNow.number ?? NUMBER, isText: true };
  return webhook?.body === undefined ? null : { expression: webhook.body, isText: false };
}

/** Whether what a rule asks or says depends on whose work a change is, as far as its text shows. */
export function readsSource(rule: ExternalRule): boolean {
  const { webhook } = rule;
  if (webhook !== undefined && webhook.method !== 'GET' && webhook.body === undefined) return true;
  const texts = [askedExpression(rule)?.expression, webhook?.expression, webhook?.messageExpression];
  return texts.some((text) => text !== undefined && /\bsource\b/.test(text));
}

/** Where a rule asks, in words: a query may hold a token. */
export function systemOf({ jira, serviceNow, webhook }: ExternalRule): string {
  const host = (url: string): string => URL.parse(url)?.host ?? 'an address that cannot be read';
  if (jira !== undefined) return `Jira at ${host(jira.url)}`;
  if (serviceNow !== undefined) return `ServiceNow at ${host(serviceNow.url)}`;
  return host(webhook?.url ?? '');
}

/**
 * What to ask of another system, or what the change has to say before it can be asked.
 * @param given what `askedExpression` gave: a text, or a document in JSON
 */
export function questionOf(
  rule: ExternalRule,
  change: ChangeFacts,
  given: string | null,
): { question: ExternalQuestion } | { waits: string } {
  const { jira, serviceNow, webhook } = rule;
  const key = given ?? '';
  if (jira !== undefined) {
    if (!/^[A-Za-z][A-Za-z0-9_]{0,99}-[0-9]{1,20}$/.test(key)) return unnamed('an issue of Jira', key);
    return { question: get(jira.url, `/rest/api/2/issue/${key}?fields=status`) };
  }
  if (serviceNow !== undefined) {
    if (!/^[A-Za-z0-9_-]{1,40}$/.test(key)) return unnamed('a change request of ServiceNow', key);
    const query = new URLSearchParams({
      sysparm_query: `number=${key}`,
      sysparm_fields: 'number,approval,state,start_date,end_date',
      sysparm_display_value: 'false',
      sysparm_limit: '2',
    });
    return { question: get(serviceNow.url, `/api/now/table/change_request?${query.toString()}`) };
  }
  const { url = '', method = 'POST', headers = {} } = webhook ?? {};
  const own = lowered(headers);
  if (method === 'GET') return { question: { method, url, headers: { accept: 'application/json', ...own } } };
  const { type, body } = bodyOf(change, given);
  return { question: { method, url, headers: { accept: 'application/json', 'content-type': type, ...own }, body } };
}

function unnamed(what: string, key: string): { waits: string } {
  return {
    waits:
      key === '' ? `${what} to be named by the change` : `${what} to be named by the change: ${short(key)} is none`,
  };
}

function get(base: string, path: string): ExternalQuestion {
  return { method: 'GET', url: `${base.replace(/\/+$/, '')}${path}`, headers: { accept: 'application/json' } };
}

function lowered(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function bodyOf(change: ChangeFacts, given: string | null): { type: string; body: string } {
  if (given === null) return { type: 'application/json', body: JSON.stringify(documentOf(change)) };
  const document: unknown = JSON.parse(given);
  if (typeof document === 'string') return { type: 'text/plain; charset=utf-8', body: document };
  return { type: 'application/json', body: given };
}

/** A change as another system is told of it. */
function documentOf({ unit, cluster, cause, source, digest, objects, authors }: ChangeFacts): object {
  const count = (action: string): number => objects.filter((one) => one.action === action).length;
  const { kind, namespace, name } = unit;
  return {
    unit: { kind, namespace, name },
    cluster,
    cause,
    source,
    digest,
    counts: { create: count('create'), change: count('change'), delete: count('delete') },
    ...('unknown' in authors ? {} : { authors: authors.authors }),
  };
}

/** What an answer of Jira or ServiceNow says. @param at when it came, in milliseconds since the epoch */
export function readAnswer(
  rule: ExternalRule,
  { key, at, answer }: { key: string; at: number; answer: ExternalAnswer },
): Findings {
  const context = { key, at: formatTime(new Date(at)), system: systemOf(rule), answer };
  if (rule.jira !== undefined) return readIssue(rule.jira, context);
  if (rule.serviceNow !== undefined) return readChangeRequest(rule.serviceNow, context);
  return { trouble: 'nobody knows how to read it' };
}

interface Context {
  key: string;
  /** In words. */
  at: string;
  system: string;
  answer: ExternalAnswer;
}

/** Why an answer says nothing; null where it may say something. */
export function refusedBy({ status, headers }: ExternalAnswer): string | null {
  if (status >= 200 && status < 300) return null;
  if (status === 401 || status === 403) return `HTTP ${status}: what is in secretRef does not let it in`;
  if (status < 300 || status >= 400) return `HTTP ${status}`;
  const to = URL.parse(headers['location'] ?? '')?.host;
  return `HTTP ${status}: it leads ${to === undefined ? 'elsewhere' : `to ${to}`}, which is not followed`;
}

/** An issue as Jira's REST API of version 2 tells of it; one that was moved answers to its old key by its new one. */
function readIssue({ statuses = [], statusCategories = [] }: JiraRule, { key, at, system, answer }: Context): Findings {
  if (answer.status === 404) return { waits: `issue ${key}, which ${system} does not have or does not show` };
  const refused = refusedBy(answer);
  if (refused !== null) return { trouble: refused };
  const issue = parsed(answer.body);
  const status = fieldOf(fieldOf(issue, 'fields'), 'status');
  const [name, told] = [textOf(status, 'name'), textOf(issue, 'key')];
  if (name === null || told === null) return { trouble: 'it tells of no issue with a status' };
  const category = textOf(fieldOf(status, 'statusCategory'), 'key');
  const passes =
    statuses.some((one) => one.toLowerCase() === name.toLowerCase()) ||
    statusCategories.some((one) => one === category);
  const issueName = told.toUpperCase() === key.toUpperCase() ? key : `${key} (now ${short(told)})`;
  if (passes) return { broken: [], evidence: [`issue ${issueName} of ${system} is ${short(name)}, as told ${at}`] };
  const wanted = [...statuses, ...statusCategories.map((one) => `in category ${one}`)].join(' or ');
  return { waits: `issue ${issueName} of ${system} to be ${wanted} (it is ${short(name)})` };
}

/** States of change requests as ServiceNow has them from the start. */
const STATES: Readonly<Record<string, string>> = {
  new: '-5',
  assess: '-4',
  authorize: '-3',
  scheduled: '-2',
  implement: '-1',
  review: '0',
  closed: '3',
  canceled: '4',
};

/** A record of the table change_request, with values as they are kept: times in UTC. What is no query of ServiceNow's finds everything: only the number counts. */
function readChangeRequest({ states = ['implement'] }: ServiceNowRule, { key, at, system, answer }: Context): Findings {
  const refused = refusedBy(answer);
  if (refused !== null) return { trouble: refused };
  const records = fieldOf(parsed(answer.body), 'result');
  const what = `change request ${key} of ${system}`;
  if (!Array.isArray(records)) return { trouble: 'it tells of no change request' };
  if (records.length === 0) return { waits: `${what}, which is not there or is not shown` };
  const [record]: unknown[] = records;
  if (records.length > 1 || textOf(record, 'number') !== key) return { trouble: 'it tells of another change request' };
  const [approval, state] = [textOf(record, 'approval'), textOf(record, 'state')];
  if (approval === null || state === null) return { trouble: 'it tells of a change request without approval or state' };
  if (approval !== 'approved') return { waits: `${what} to be approved (it is ${short(approval)})` };
  if (!states.some((one) => (STATES[one] ?? one) === state)) {
    return { waits: `${what} to be in state ${states.join(' or ')} (it is in ${short(stateName(state))})` };
  }
  const [from, to] = [moment(textOf(record, 'start_date')), moment(textOf(record, 'end_date'))];
  if (from === null || to === null) return { waits: `${what} to have a start and an end` };
  const evidence = [`${what} is approved, and in state ${short(stateName(state))}, as told ${at}`];
  return { broken: [], evidence, during: { from, to, of: what } };
}

function stateName(state: string): string {
  return Object.keys(STATES).find((name) => STATES[name] === state) ?? state;
}

function moment(text: string | null): number | null {
  const found = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2})$/.exec(text ?? '');
  const at = Date.parse(`${found?.[1] ?? ''}T${found?.[2] ?? ''}Z`);
  return Number.isNaN(at) ? null : at;
}

/** What the expression of a webhook made of its answer. @param message what it says of one that is not true; empty for none */
export function readVerdict(
  rule: ExternalRule,
  { holds, message, at, status }: { holds: boolean; message: string; at: number; status: number },
): Findings {
  const system = systemOf(rule);
  if (holds)
    return { broken: [], evidence: [`${system} says yes (HTTP ${status}), as told ${formatTime(new Date(at))}`] };
  const why = message === '' ? `its answer (HTTP ${status}) is not as ${rule.webhook?.expression ?? ''}` : message;
  return { waits: `${system} to say yes: ${short(why)}` };
}

const LONGEST = 300;

/** Another system's words, as far as a message has room for them. */
function short(text: string): string {
  const line = oneLine(text);
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}...` : line;
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}

function fieldOf(value: unknown, field: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, field)) return null;
  return (value as Record<string, unknown>)[field];
}

function textOf(value: unknown, field: string): string | null {
  const found = fieldOf(value, field);
  return typeof found === 'string' ? found : null;
}
