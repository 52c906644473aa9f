import type { Json } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import type { Vulnerability } from './scan-report.ts';
import { isCleared, vexClaims } from './vex.ts';

const HEX = 'a'.repeat(64);
const image = { repository: 'ghcr.io/shop/web', digest: `sha256:${HEX}` };
const vulnerability: Vulnerability = {
  ids: ['CVE-1', 'GHSA-x'],
  severity: 'High',
  package: 'pkg:deb/debian/libssl3@3.0.1?arch=amd64',
};

const document = (statements: Json[], more: Record<string, Json> = {}): Json => ({ statements, ...more });
const says = (more: Record<string, Json>): Json => ({
  vulnerability: { name: 'CVE-1' },
  status: 'not_affected',
  ...more,
});
function clears(...statements: Json[]): boolean {
  const claims = vexClaims(
    { predicateType: 'https://openvex.dev/ns/v0.2.0', predicate: document(statements), at: 0 },
    image,
  );
  return isCleared(vulnerability, claims ?? []);
}

test.each([
  ['not_affected', true],
  ['fixed', true],
  ['affected', false],
  ['under_investigation', false],
  ['', false],
])('%s takes a vulnerability away: %s', (status, expected) => {
  expect(clears(says({ status }))).toBe(expected);
});

describe('a statement is about the vulnerability by', () => {
  test.each<[string, Json, boolean]>([
    ['its name', { name: 'CVE-1' }, true],
    ['another name that it has', { name: 'GHSA-x' }, true],
    ['an alias', { name: 'DSA-1', aliases: ['CVE-1'] }, true],
    ['an address', { '@id': 'https://nvd.nist.gov/vuln/detail/CVE-1' }, true],
    ['a plain text', 'CVE-1', true],
    ['nothing', { name: 'CVE-11' }, false],
  ])('%s', (_, named, expected) => {
    expect(clears(says({ vulnerability: named }))).toBe(expected);
  });
});

describe('a statement is about the image when its products name', () => {
  test.each<[string, Json[], boolean]>([
    ['none: the subject is meant', [], true],
    ['its digest', [{ '@id': `pkg:oci/web@sha256:${HEX}` }], true],
    ['its digest, encoded', [{ '@id': `pkg:oci/web@sha256%3A${HEX}?repository_url=ghcr.io` }], true],
    ['its digest among identifiers', [{ '@id': 'x', identifiers: { purl: `pkg:oci/web@sha256%3A${HEX}` } }], true],
    ['its hash', [{ '@id': 'x', hashes: { 'sha-256': HEX } }], true],
    ['every version of it', [{ '@id': 'pkg:oci/web?repository_url=ghcr.io%2Fshop%2Fweb' }], true],
    ['every version of it, as a text', ['pkg:oci/web'], true],
    ['another digest', [{ '@id': `pkg:oci/web@sha256:${'b'.repeat(64)}` }], false],
    ['another image', [{ '@id': 'pkg:oci/api' }], false],
    ['one of that name elsewhere', [{ '@id': 'pkg:oci/web?repository_url=evil.example/shop/web' }], false],
  ])('%s', (_, products, expected) => {
    expect(clears(says({ products }))).toBe(expected);
  });
});

test.each<[string, Json[], boolean]>([
  ['the package, without qualifiers', [{ '@id': 'pkg:deb/debian/libssl3@3.0.1' }], true],
  ['every version of the package', [{ '@id': 'pkg:deb/debian/libssl3' }], true],
  ['another version', [{ '@id': 'pkg:deb/debian/libssl3@3.0.2' }], false],
  ['another package', [{ '@id': 'pkg:deb/debian/libssl' }], false],
])('a statement on components is about %s', (_, subcomponents, expected) => {
  expect(clears(says({ products: [{ '@id': 'pkg:oci/web', subcomponents }] }))).toBe(expected);
});

test('a statement on components says nothing of a vulnerability of which nobody knows where it is', () => {
  const claims = [{ ids: ['CVE-1'], clears: true, within: ['pkg:deb/a'], at: 0 }];
  expect(isCleared({ ...vulnerability, package: null }, claims)).toBe(false);
});

test('the newest statement counts, and of two of one time the worse', () => {
  const [early, late] = [{ timestamp: '2026-01-01T00:00:00Z' }, { timestamp: '2026-02-01T00:00:00Z' }];
  expect(clears(says(late), says({ ...early, status: 'affected' }))).toBe(true);
  expect(clears(says(early), says({ ...late, status: 'affected' }))).toBe(false);
  expect(clears(says(early), says({ ...early, status: 'affected' }))).toBe(false);
  expect(clears(says({ ...early, last_updated: '2026-03-01T00:00:00Z' }), says({ ...late, status: 'affected' }))).toBe(
    true,
  );
});

test('what is no document of OpenVEX says nothing', () => {
  expect(
    vexClaims({ predicateType: 'https://openvex.dev/nsx', predicate: document([says({})]), at: 0 }, image),
  ).toBeNull();
  expect(vexClaims({ predicateType: 'https://openvex.dev/ns', predicate: 'x', at: 0 }, image)).toEqual([]);
});
