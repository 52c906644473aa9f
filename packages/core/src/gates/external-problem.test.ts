import type { JsonObject } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import { policyFacts } from './policy-flaw.ts';

const jira = { url: 'https://jira.example', statuses: ['Done'] };
const serviceNow = { url: 'https://now.example' };
const webhook = { url: 'https://hook.example', expression: 'true' };

function flawOf(rules: JsonObject[], kind: 'ReleasePolicy' | 'ClusterReleasePolicy' = 'ReleasePolicy'): string | null {
  const external = rules.map((rule, index) => ({ name: `r${index}`, ...rule }));
  const metadata = { name: 'p', generation: 1, ...(kind === 'ReleasePolicy' && { namespace: 'shop' }) };
  return policyFacts({ apiVersion: 'plumb.dev/v1', kind, metadata, spec: { external } }).flaw;
}

describe('a rule on another system can be judged by', () => {
  test.each<[string, JsonObject]>([
    ['Jira', { jira }],
    ['Jira by categories', { jira: { url: jira.url, statusCategories: ['done'] } }],
    ['ServiceNow', { serviceNow }],
    ['a webhook', { webhook: { ...webhook, url: 'https://hook.example/a?b=c', headers: { 'X-A': 'b' } } }],
    ['http where that is asked for', { jira: { ...jira, url: 'http://jira.tools.svc', insecure: true } }],
    ['http on the machine itself', { jira: { ...jira, url: 'http://127.0.0.1:8080' } }],
    ['times within bounds', { jira, timeout: '1m', retryInterval: '1s', cache: '10s' }],
    ['a Secret in its own namespace', { jira: { ...jira, secretRef: { name: 's', namespace: 'shop' } } }],
  ])('%s', (_what, rule) => {
    expect(flawOf([rule])).toBeNull();
  });
});

describe('a flaw of a rule on another system', () => {
  test.each<[string, JsonObject, string]>([
    ['no system', {}, 'exactly one of jira, serviceNow and webhook must be given'],
    ['two systems', { jira, serviceNow }, 'exactly one of jira, serviceNow and webhook must be given'],
    ['no status', { jira: { url: jira.url } }, 'jira needs statuses or statusCategories'],
    ['an empty list of statuses', { jira: { ...jira, statuses: [] } }, 'external[0]: jira.statuses is empty'],
    [
      'an empty list of states',
      { serviceNow: { ...serviceNow, states: [] } },
      'external[0]: serviceNow.states is empty',
    ],
    ['no address', { webhook: { ...webhook, url: 'hook.example' } }, 'external[0]: webhook.url is no address of https'],
    [
      'a file',
      { webhook: { ...webhook, url: 'file:///etc/passwd' } },
      'external[0]: webhook.url is no address of https',
    ],
    [
      'http',
      { webhook: { ...webhook, url: 'http://hook.example' } },
      'external[0]: webhook.url is of http, which needs insecure: true',
    ],
    [
      'http to what looks like loopback',
      { webhook: { ...webhook, url: 'http://127.0.0.1.example' } },
      'external[0]: webhook.url is of http',
    ],
    ['a query for Jira', { jira: { ...jira, url: 'https://jira.example/?a=b' } }, 'external[0]: jira.url has a query'],
    [
      'a fragment',
      { webhook: { ...webhook, url: 'https://hook.example/#a' } },
      'external[0]: webhook.url has a fragment',
    ],
    ['no time', { jira, timeout: '0s' }, 'external[0]: timeout must be longer than 0s'],
    ['too much time', { jira, timeout: '2m' }, 'external[0]: timeout must be longer than 0s, and 1m at most'],
    ['asking all the time', { jira, retryInterval: '10ms' }, 'external[0]: retryInterval must be 1s at least'],
    ['an answer that is forgotten at once', { jira, cache: '1s' }, 'external[0]: cache must be 10s at least'],
    ['a time beyond all bounds', { jira, cache: '99999999999h' }, 'external[0]: cache: '],
    [
      'a Secret elsewhere',
      { jira: { ...jira, secretRef: { name: 's', namespace: 'kube-system' } } },
      'external[0]: jira.secretRef.namespace must be shop',
    ],
    [
      'certificates elsewhere',
      { webhook: { ...webhook, certSecretRef: { name: 's', namespace: 'other' } } },
      'external[0]: webhook.certSecretRef.namespace must be shop',
    ],
    [
      'a header of the connection',
      { webhook: { ...webhook, headers: { Host: 'x' } } },
      'external[0]: webhook.headers: the header Host is not to be set',
    ],
    [
      'a header with two lines',
      { webhook: { ...webhook, headers: { 'X-A': 'b\r\nHost: c' } } },
      'external[0]: webhook.headers: the header X-A has a value',
    ],
    [
      'no header',
      { webhook: { ...webhook, headers: { 'X A': 'b' } } },
      'external[0]: webhook.headers: "X A" is no name',
    ],
    [
      'a body with GET',
      { webhook: { ...webhook, method: 'GET', body: 'change.digest' } },
      'external[0]: webhook.body is not sent with GET',
    ],
  ])('%s', (_what, rule, flaw) => {
    expect(flawOf([rule])).toContain(flaw);
  });

  test('credentials in an address are not told', () => {
    const flaw = flawOf([{ jira: { ...jira, url: 'https://ann:hunter22@jira.example' } }]);
    expect(flaw).toBe('external[0]: jira.url holds credentials: name a Secret in secretRef');
  });

  test('one name for two', () => {
    expect(
      flawOf([
        { name: 'a', jira },
        { name: 'a', webhook },
      ]),
    ).toBe('the name a is given to two rules');
  });

  test('a Secret without namespace in a policy of the cluster', () => {
    const rule = { jira: { ...jira, secretRef: { name: 's' } } };
    expect(flawOf([rule])).toBeNull();
    expect(flawOf([rule], 'ClusterReleasePolicy')).toBe('external[0]: jira.secretRef.namespace is required');
  });
});
