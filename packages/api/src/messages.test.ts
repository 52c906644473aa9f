import { describe, expect, it } from 'vitest';
import {
  eventType,
  gitRepositoryMessages,
  kustomizationMessages,
  messageRows,
  messagesPage,
  ownMessages,
  say,
} from './messages.ts';

const cart = { kind: 'Deployment', namespace: 'shop', name: 'cart' };
const rows = messageRows().flatMap((group) => group.rows);

describe('the registry', () => {
  it('has one entry an id, in kebab-case', () => {
    const ids = rows.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => !/^[a-z]+(-[a-z]+)*$/.test(id))).toEqual([]);
  });

  it('shows every field of a payload in its text', () => {
    expect(rows.filter(({ text }) => /undefined|NaN|\[object/.test(text))).toEqual([]);
  });

  it('gives every entry a place where it is said', () => {
    expect(rows.filter(({ channels }) => channels.length === 0)).toEqual([]);
  });
});

describe('say', () => {
  it('fills in the payload and keeps id, level, reason and channels', () => {
    expect(say(kustomizationMessages.applied, { revision: 'main@sha1:1' })).toEqual({
      id: 'kustomization-applied',
      level: 'info',
      channels: ['condition'],
      reason: 'ReconciliationSucceeded',
      text: 'Applied revision: main@sha1:1',
    });
  });

  const { text: changed } = kustomizationMessages.changed;
  const { text: denied } = kustomizationMessages.accessDenied;
  const { text: notFound } = kustomizationMessages.sourceNotFound;
  const source = { kind: 'GitRepository', namespace: 'a', name: 'shop' };

  it.each<[string, string]>([
    [gitRepositoryMessages.stored.text({ revision: 'v1@sha1:2' }), "stored artifact for revision 'v1@sha1:2'"],
    [gitRepositoryMessages.newArtifact.text({ subject: 'Fix\n\nbody' }), "stored artifact for commit 'Fix'"],
    [
      gitRepositoryMessages.newArtifact.text({ subject: 'x'.repeat(51) }),
      `stored artifact for commit '${'x'.repeat(50)}...'`,
    ],
    [
      kustomizationMessages.detecting.text({ revision: 'r', timeout: 90_000 }),
      'Detecting drift for revision r with a timeout of 1m30s',
    ],
    [
      kustomizationMessages.finished.text({ took: 1500, next: 600_000 }),
      'Reconciliation finished in 1.5s, next run in 10m0s',
    ],
    [notFound({ source: { kind: 'GitRepository', name: 'shop' } }), "Source 'GitRepository/shop' not found"],
    [notFound({ source }), "Source 'GitRepository/a/shop' not found"],
    [denied({ source }), "can't access 'GitRepository/a/shop', cross-namespace references have been blocked"],
    [kustomizationMessages.dependencyNotReady.text({ dependency: 'a/b' }), "dependency 'a/b' is not ready"],
    [
      changed({
        changes: [
          { object: { kind: 'Namespace', namespace: '', name: 'shop' }, action: 'created' },
          { object: cart, action: 'deleted' },
        ],
      }),
      'Namespace/shop created\nDeployment/shop/cart deleted',
    ],
    [
      kustomizationMessages.healthFailed.text({ took: 60_000, error: 'timeout waiting for: [x]' }),
      'health check failed after 1m0s: timeout waiting for: [x]',
    ],
  ])('%#: says what Flux says: %s', (text, expected) => {
    expect(text).toBe(expected);
  });

  it('says who changed what, without values, however much it is', () => {
    const paths = Array.from({ length: 12 }, (_, index) => `.data.k${index}`);
    expect(ownMessages.driftCorrected.text({ object: cart, managers: ['kubectl-edit', 'x'], paths })).toBe(
      'drift corrected: Deployment/shop/cart: kubectl-edit, x changed ' +
        '.data.k0, .data.k1, .data.k2, .data.k3, .data.k4, .data.k5, .data.k6, .data.k7, .data.k8, .data.k9 and 2 more',
    );
    expect(ownMessages.driftCorrected.text({ object: cart, managers: [], paths: ['.spec'] })).toContain(
      ': somebody changed .spec',
    );
  });

  it('says what is left changed, short enough for an event whatever its paths and values', () => {
    const said = (changes: { path: string; declared: string; live: string }[], more = 0): string =>
      ownMessages.driftDetected.text({ object: cart, managers: ['kubectl'], changes, more });
    const change = { path: `data[${'k'.repeat(200)}]`, declared: `"${'a'.repeat(58)}"`, live: '"b"' };
    const many = said(
      Array.from({ length: 10 }, () => change),
      7,
    );
    expect(many.length).toBeLessThan(1_024);
    expect(many).toMatch(/, data\[k+\] \(declared "a+", is "b"\) and 15 more; it is left so$/);
    expect(said([{ ...change, path: 'x'.repeat(5_000) }]).length).toBeLessThan(1_024);
    expect(said([])).toBe('drift detected: Deployment/shop/cart: kubectl changed it; it is left so');
    expect(ownMessages.unknownDriftMode.text({ object: cart, value: 'x'.repeat(5_000) }).length).toBeLessThan(300);
  });

  it('makes a Warning of errors only', () => {
    expect([eventType('trace'), eventType('info'), eventType('error')]).toEqual(['Normal', 'Normal', 'Warning']);
  });
});

describe('the page', () => {
  it('has a table row for every message, with line breaks and bars kept inside the cell', () => {
    const lines = messagesPage().split('\n');
    for (const { id } of rows) expect(lines.filter((line) => line.startsWith(`| \`${id}\` |`))).toHaveLength(1);
    expect(new Set(lines.filter((line) => line.startsWith('|')).map((line) => line.split(/(?<!\\)\|/).length))).toEqual(
      new Set([8]),
    );
  });
});
