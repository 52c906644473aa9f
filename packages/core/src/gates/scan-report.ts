import type { Json } from '@plumb/api';
import { asList, asRecord, asText, type Fields } from './loose-json.ts';

export const SEVERITIES = ['None', 'Low', 'Medium', 'High', 'Critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** One vulnerability that a scanner found. */
export interface Vulnerability {
  /** Its name, and others that it has. */
  ids: readonly string[];
  /** Null where the scanner does not say: nobody knows how bad it is. */
  severity: Severity | null;
  /** Where it is: a package URL, or name@version; null where the scanner does not say. */
  package: string | null;
}

/** What a scanner found in an image. */
export interface ScanReport {
  /** When, in milliseconds since the epoch; null where nothing that can be believed says it. */
  at: number | null;
  vulnerabilities: readonly Vulnerability[];
}

/** A report that nobody can read. */
export interface UnreadableReport {
  at: number | null;
  unreadable: string;
}

/** A signed statement about an image (in-toto). */
export interface ImageStatement {
  predicateType: string;
  predicate: Json;
  /** When it was signed; null where nobody vouches for that. Milliseconds since the epoch. */
  at: number | null;
}

const VULN = 'https://cosign.sigstore.dev/attestation/vuln/v1';
/** As the specification of cosign writes it. */
const BARE_VULN = 'cosign.sigstore.dev/attestation/vuln/v1';

/**
 * The report that a statement holds: cosign's record of a scan with what the scanner said in it (SARIF, or as Trivy or Grype print it), or SARIF by itself.
 * Null where it is no report; what says it is one and cannot be read is an error.
 */
export function scanReport({ predicateType, predicate, at }: ImageStatement): ScanReport | UnreadableReport | null {
  const fields = asRecord(predicate);
  if (predicateType !== VULN && predicateType !== BARE_VULN) return isSarif(fields) ? sarifReport(fields, at) : null;
  const metadata = asRecord(fields['metadata']);
  const finished = timeOf(metadata['scanFinishedOn']) ?? timeOf(metadata['scanStartedOn']) ?? at;
  const scanners = fields['scanner'] === undefined ? asList(fields['scanners']) : [fields['scanner']];
  const results = scanners.map((scanner) => findingsOf(asRecord(asRecord(scanner)['result'])));
  if (results.length === 0) return { at: finished, unreadable: 'nobody knows the scanner' };
  const vulnerabilities = results.filter((one) => one !== null);
  if (vulnerabilities.length < results.length)
    return { at: finished, unreadable: 'the result is neither SARIF nor of Trivy or Grype' };
  return { at: finished, vulnerabilities: vulnerabilities.flat() };
}

function findingsOf(result: Fields): Vulnerability[] | null {
  if (isSarif(result)) return sarifFindings(result);
  if (result['SchemaVersion'] !== undefined) return trivyFindings(result);
  return Array.isArray(result['matches']) ? grypeFindings(result) : null;
}

function isSarif(fields: Fields): boolean {
  return Array.isArray(fields['runs']) && asText(fields['version']).startsWith('2.');
}

function sarifReport(sarif: Fields, signedAt: number | null): ScanReport {
  const ends = asList(sarif['runs']).flatMap((run) =>
    asList(asRecord(run)['invocations']).map((one) => timeOf(asRecord(one)['endTimeUtc'])),
  );
  const known = ends.filter((one) => one !== null);
  // Of several runs the oldest says how far the report is to be trusted.
  return { at: known.length === 0 ? signedAt : Math.min(...known), vulnerabilities: sarifFindings(sarif) };
}

/** SARIF 2.1.0, with `security-severity` as GitHub reads it: a score of CVSS. */
function sarifFindings(sarif: Fields): Vulnerability[] {
  return asList(sarif['runs']).flatMap((one) => {
    const run = asRecord(one);
    const rules = asList(asRecord(asRecord(run['tool'])['driver'])['rules']).map(asRecord);
    return asList(run['results'])
      .map(asRecord)
      .filter(({ kind }) => kind === undefined || kind === 'fail' || kind === 'open' || kind === 'review')
      .map((result) => {
        const id = asText(result['ruleId']) || asText(asRecord(result['rule'])['id']);
        const at = result['ruleIndex'] ?? asRecord(result['rule'])['index'];
        const rule =
          (typeof at === 'number' ? rules[at] : undefined) ?? rules.find((known) => known['id'] === id) ?? {};
        const properties = { ...asRecord(rule['properties']), ...asRecord(result['properties']) };
        const name = id || asText(rule['id']);
        return { ids: [name, ...knownIds(name)], severity: scored(properties['security-severity']), package: null };
      });
  });
}

/** Scanners put the package behind the name. */
function knownIds(name: string): string[] {
  const found = /CVE-\d{4}-\d{4,}|GHSA(?:-[a-z\d]{4}){3}/i.exec(name)?.[0];
  return found === undefined || found === name ? [] : [found];
}

function scored(score: Json | undefined): Severity | null {
  const value = typeof score === 'string' && score.trim() !== '' ? Number(score) : score;
  if (typeof value !== 'number' || !(value >= 0 && value <= 10)) return null;
  if (value === 0) return 'None';
  if (value < 4) return 'Low';
  if (value < 7) return 'Medium';
  return value < 9 ? 'High' : 'Critical';
}

/** The words of Trivy and Grype, in any case. */
function worded(word: string): Severity | null {
  const lower = word.toLowerCase();
  if (lower === 'negligible') return 'Low';
  return SEVERITIES.find((one) => one.toLowerCase() === lower) ?? null;
}

function trivyFindings(result: Fields): Vulnerability[] {
  return asList(result['Results'])
    .flatMap((one) => asList(asRecord(one)['Vulnerabilities']))
    .map(asRecord)
    .map((found) => ({
      ids: [found['VulnerabilityID'], ...asList(found['VendorIDs'])].map(asText).filter((id) => id !== ''),
      severity: worded(asText(found['Severity'])),
      package: packageOf(asRecord(found['PkgIdentifier'])['PURL'], found['PkgName'], found['InstalledVersion']),
    }));
}

function grypeFindings(result: Fields): Vulnerability[] {
  return asList(result['matches'])
    .map(asRecord)
    .map((match) => {
      const vulnerability = asRecord(match['vulnerability']);
      const artifact = asRecord(match['artifact']);
      const related = asList(match['relatedVulnerabilities']).map((one) => asText(asRecord(one)['id']));
      return {
        ids: [asText(vulnerability['id']), ...related].filter((id) => id !== ''),
        severity: worded(asText(vulnerability['severity'])),
        package: packageOf(artifact['purl'], artifact['name'], artifact['version']),
      };
    });
}

function packageOf(purl: Json | undefined, name: Json | undefined, version: Json | undefined): string | null {
  if (asText(purl) !== '') return asText(purl);
  return asText(name) === '' ? null : `${asText(name)}@${asText(version)}`;
}

/** RFC 3339. */
export function timeOf(value: Json | undefined): number | null {
  const time = /^\d{4}-\d\d-\d\dT/.test(asText(value)) ? Date.parse(asText(value)) : Number.NaN;
  return Number.isNaN(time) ? null : time;
}
