import type { Json } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import { scanReport, type ScanReport } from './scan-report.ts';

const VULN = 'https://cosign.sigstore.dev/attestation/vuln/v1';
const TIME = '2026-11-01T12:00:00Z';
const AT = Date.parse(TIME);

const record = (result: Json, metadata: Json = { scanFinishedOn: TIME }): Json => ({ scanner: { result }, metadata });
const of = (predicate: Json, predicateType = VULN, at: number | null = null): ReturnType<typeof scanReport> =>
  scanReport({ predicateType, predicate, at });
const found = (predicate: Json, type = VULN): ScanReport['vulnerabilities'] =>
  (of(predicate, type) as ScanReport).vulnerabilities;

const sarif = (results: Json[], rules: Json[] = [], invocations: Json[] = []): Json => ({
  version: '2.1.0',
  runs: [{ tool: { driver: { name: 's', rules } }, results, invocations }],
});
const scored = (id: string, score: Json): Json => ({ id, properties: { 'security-severity': score } });

test('what Trivy prints is read by its words', () => {
  const Vulnerabilities = [
    { VulnerabilityID: 'CVE-1', VendorIDs: ['DSA-1'], PkgName: 'a', InstalledVersion: '1', Severity: 'CRITICAL' },
    { VulnerabilityID: 'CVE-2', PkgIdentifier: { PURL: 'pkg:deb/b@2' }, PkgName: 'b', Severity: 'UNKNOWN' },
  ];
  expect(of(record({ SchemaVersion: 2, Results: [{ Vulnerabilities }, { Class: 'lang-pkgs' }] }))).toEqual({
    at: AT,
    vulnerabilities: [
      { ids: ['CVE-1', 'DSA-1'], severity: 'Critical', package: 'a@1' },
      { ids: ['CVE-2'], severity: null, package: 'pkg:deb/b@2' },
    ],
  });
  expect(found(record({ SchemaVersion: 2 }))).toEqual([]);
});

test('what Grype prints is read by its words', () => {
  const matches = [
    {
      vulnerability: { id: 'GHSA-aaaa-bbbb-cccc', severity: 'Negligible' },
      relatedVulnerabilities: [{ id: 'CVE-3' }],
      artifact: { name: 'c', version: '3' },
    },
  ];
  expect(found(record({ matches }))).toEqual([
    { ids: ['GHSA-aaaa-bbbb-cccc', 'CVE-3'], severity: 'Low', package: 'c@3' },
  ]);
});

test.each<[Json, string | null]>([
  ['0', 'None'],
  ['0.1', 'Low'],
  [3.9, 'Low'],
  ['4.0', 'Medium'],
  ['6.9', 'Medium'],
  ['7', 'High'],
  ['8.9', 'High'],
  ['9.0', 'Critical'],
  [10, 'Critical'],
  ['11', null],
  ['-1', null],
  ['high', null],
  ['', null],
])('SARIF with a security-severity of %j is %s', (score, severity) => {
  const expected = [{ ids: ['CVE-4'], severity, package: null }];
  expect(found(sarif([{ ruleId: 'CVE-4' }], [scored('CVE-4', score)]), 'https://any.example')).toEqual(expected);
});

describe('SARIF', () => {
  test('names rules by id or by place, with the package behind', () => {
    const results = [
      { ruleIndex: 1 },
      { ruleId: 'CVE-2021-1111-openssl', ruleIndex: 0 },
      { rule: { id: 'x', index: 1 } },
    ];
    const rules = [scored('CVE-2021-1111-openssl', '9.1'), scored('x', '1')];
    expect(found(record(sarif(results, rules)))).toEqual([
      { ids: ['x'], severity: 'Low', package: null },
      { ids: ['CVE-2021-1111-openssl', 'CVE-2021-1111'], severity: 'Critical', package: null },
      { ids: ['x'], severity: 'Low', package: null },
    ]);
  });

  test('tells of what passed too, which is none', () => {
    const results = ['pass', 'notApplicable', 'informational', 'fail'].map((kind) => ({ ruleId: kind, kind }));
    expect(found(sarif(results), 'x').map(({ ids }) => ids[0])).toEqual(['fail']);
  });

  test('is as old as the oldest of its runs, or as its signature, or nobody knows', () => {
    const runs = [{ endTimeUtc: '2026-11-03T00:00:00Z' }, { endTimeUtc: TIME }];
    expect(of(sarif([], [], runs), 'x', 5)).toMatchObject({ at: AT });
    expect(of(sarif([]), 'x', 5)).toMatchObject({ at: 5 });
    expect(of(sarif([]), 'x')).toMatchObject({ at: null });
  });
});

test.each<[string, Json, string | undefined]>([
  ['a statement of another type', { buildType: 'x' }, 'https://slsa.dev/provenance/v1'],
  ['nothing', null, 'https://openvex.dev/ns'],
])('%s is no report', (_, predicate, type) => {
  expect(of(predicate, type)).toBeNull();
});

test('a record that cannot be read is told as one, with its time', () => {
  expect(of(record({ weird: true }))).toEqual({
    at: AT,
    unreadable: 'the result is neither SARIF nor of Trivy or Grype',
  });
  expect(of({ metadata: { scanFinishedOn: 'yesterday', scanStartedOn: TIME } })).toEqual({
    at: AT,
    unreadable: 'nobody knows the scanner',
  });
  const scanners = [{ result: { matches: [] } }, { result: null }];
  expect(of({ scanners, metadata: {} }, VULN, 7)).toMatchObject({ at: 7, unreadable: expect.any(String) as string });
});
