import { asPlumbError, parseDuration, type ExternalRule } from '@plumb/api';

/** What is wrong with a rule on another system beyond what the schema says; null: nothing. @param namespace of its policy, empty for one of the cluster */
export function externalProblem(rule: ExternalRule, namespace: string): string | null {
  const { jira, serviceNow, webhook } = rule;
  if (jira !== undefined)
    return timesProblem(rule) ?? prefixed('jira', placeProblem(jira, namespace) ?? statusProblem(jira));
  if (serviceNow !== undefined)
    return (
      timesProblem(rule) ??
      prefixed('serviceNow', placeProblem(serviceNow, namespace) ?? emptyProblem('states', serviceNow.states))
    );
  if (webhook === undefined) return null;
  return timesProblem(rule) ?? prefixed('webhook', placeProblem(webhook, namespace, true) ?? requestProblem(webhook));
}

function prefixed(path: string, problem: string | null): string | null {
  return problem === null ? null : `${path}.${problem}`;
}

/** Milliseconds. */
const BOUNDS = [
  { field: 'timeout', least: 1, most: 60_000, told: 'must be longer than 0s, and 1m at most' },
  { field: 'retryInterval', least: 1_000, most: Infinity, told: 'must be 1s at least' },
  { field: 'cache', least: 10_000, most: Infinity, told: 'must be 10s at least' },
] as const;

function timesProblem(rule: ExternalRule): string | null {
  for (const { field, least, most, told } of BOUNDS) {
    const given = rule[field];
    if (given === undefined) continue;
    try {
      const value = parseDuration(given);
      if (value < least || value > most) return `${field} ${told}`;
    } catch (error) {
      return `${field}: ${asPlumbError(error).message}`;
    }
  }
  return null;
}

interface Place {
  url: string;
  insecure?: boolean;
  secretRef?: { name: string; namespace?: string };
  certSecretRef?: { name: string; namespace?: string };
}

/** What is wrong with an address is told without it: it may hold credentials. */
function placeProblem(
  { url, insecure, secretRef, certSecretRef }: Place,
  namespace: string,
  mayHaveQuery = false,
): string | null {
  return (
    urlProblem(url, { isInsecure: insecure === true, mayHaveQuery }) ??
    referenceProblem('secretRef', secretRef, namespace) ??
    referenceProblem('certSecretRef', certSecretRef, namespace)
  );
}

function urlProblem(
  text: string,
  { isInsecure, mayHaveQuery }: { isInsecure: boolean; mayHaveQuery: boolean },
): string | null {
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    return 'url is no address of https, as https://jira.example.com';
  if (url.username !== '' || url.password !== '') return 'url holds credentials: name a Secret in secretRef';
  if (url.protocol === 'http:' && !isInsecure && !isLoopback(url.hostname))
    return 'url is of http, which needs insecure: true';
  if (url.hash !== '') return 'url has a fragment, which is never sent';
  if (!mayHaveQuery && url.search !== '') return 'url has a query, of which the system knows nothing';
  return null;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.\d+){3}$/.test(host);
}

function referenceProblem(field: string, reference: Place['secretRef'], namespace: string): string | null {
  if (reference === undefined) return null;
  if (namespace === '') return reference.namespace === undefined ? `${field}.namespace is required` : null;
  if ((reference.namespace ?? namespace) === namespace) return null;
  return `${field}.namespace must be ${namespace}, as that of the policy`;
}

function statusProblem({ statuses = [], statusCategories = [] }: NonNullable<ExternalRule['jira']>): string | null {
  return statuses.length + statusCategories.length === 0 ? 'statuses is empty: nothing would ever pass' : null;
}

function emptyProblem(field: string, values: readonly string[] | undefined): string | null {
  return values?.length === 0 ? `${field} is empty: nothing would ever pass` : null;
}

/** Headers that say where a request ends, or for whom it is. */
const OWN_HEADERS = [
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/** Whether a header may be set by whoever writes a policy or its Secret. */
export function headerProblem(name: string, value: string): string | null {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) return `${JSON.stringify(name)} is no name of a header`;
  if (OWN_HEADERS.includes(name.toLowerCase())) return `the header ${name} is not to be set`;
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(value) ? null : `the header ${name} has a value that cannot be sent`;
}

function requestProblem({ method, headers = {}, body }: NonNullable<ExternalRule['webhook']>): string | null {
  if (method === 'GET' && body !== undefined) return 'body is not sent with GET';
  for (const [name, value] of Object.entries(headers)) {
    const problem = headerProblem(name, value);
    if (problem !== null) return `headers: ${problem}`;
  }
  return null;
}
