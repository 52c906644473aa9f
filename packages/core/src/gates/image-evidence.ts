import { formatTime, parseDuration, some, type ImageSigners, type Json, type VulnerabilityRule } from '@plumb/api';
import type { Findings } from './facts.ts';
import { maySign, signersText, signerText, type Signer } from './image-signers.ts';
import { scanReport, SEVERITIES, type ScanReport, type Severity, type UnreadableReport } from './scan-report.ts';
import { isCleared, vexClaims, type ImageName, type VexClaim } from './vex.ts';

/** Something that was signed about an image, and whose signature was verified. */
export interface SignedFact {
  by: Signer;
  /** When it was signed; null where nobody vouches for that. Milliseconds since the epoch. */
  at: number | null;
  /** Null for a signature of the image itself. */
  statement: { predicateType: string; predicate: unknown } | null;
}

/** What is attached to an image, as far as it was verified. */
export interface VerifiedImage {
  signed: readonly SignedFact[];
  /** Why something else that is attached is not believed. */
  doubts: readonly { isSignature: boolean; why: string }[];
}

/** What is known of the signatures of an image. */
export interface SignatureEvidence {
  /** Who of those who may has signed it. */
  by: readonly string[];
  /** Why other signatures do not count. */
  doubts: readonly string[];
}

/** How much is known of vulnerabilities: what keeping it takes. */
export function sizeOf({ reports, claims }: VulnerabilityEvidence): number {
  return claims.length + reports.reduce((sum, one) => sum + ('unreadable' in one ? 1 : one.vulnerabilities.length), 0);
}

/** What is known of vulnerabilities in an image. */
export interface VulnerabilityEvidence {
  reports: readonly ((ScanReport | UnreadableReport) & { by: string })[];
  claims: readonly VexClaim[];
  /** Why other statements do not count. */
  doubts: readonly string[];
}

/** An image, and what was found out about it; or what is waited for. */
export type Asked<Evidence> = { image: string; digest: string; evidence: Evidence } | { image: string; waits: string };

export function signatureEvidence(signers: ImageSigners, { signed, doubts }: VerifiedImage): SignatureEvidence {
  const signatures = signed.filter(({ statement }) => statement === null);
  const strangers = signatures.filter(({ by }) => !maySign(signers, by));
  return {
    by: unique(signatures.filter((one) => !strangers.includes(one)).map(({ by }) => signerText(by))),
    doubts: unique([
      ...strangers.map(({ by }) => `${signerText(by)} may not sign`),
      ...doubts.filter(({ isSignature }) => isSignature).map(({ why }) => why),
    ]),
  };
}

export function vulnerabilityEvidence(
  signers: ImageSigners,
  { signed, doubts }: VerifiedImage,
  image: ImageName,
): VulnerabilityEvidence {
  const reports: VulnerabilityEvidence['reports'][number][] = [];
  const claims: VexClaim[] = [];
  const strangers: string[] = [];
  for (const { by, at, statement } of signed) {
    if (statement === null) continue;
    const stated = { predicateType: statement.predicateType, predicate: statement.predicate as Json, at };
    const report = scanReport(stated);
    const said = report === null ? vexClaims(stated, image) : null;
    if (report === null && said === null) continue;
    if (!maySign(signers, by)) strangers.push(`${signerText(by)} may not sign`);
    else if (report === null) claims.push(...(said ?? []));
    else reports.push({ ...report, by: signerText(by) });
  }
  const others = doubts.filter(({ isSignature }) => !isSignature).map(({ why }) => why);
  return { reports, claims, doubts: unique([...strangers, ...others]) };
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}

/** Whether every image is signed by one of those who may. */
export function signatureFindings(signers: ImageSigners, images: readonly Asked<SignatureEvidence>[]): Findings {
  const found = images.map((asked): Found => {
    if ('waits' in asked) return { waits: asked.waits };
    const { by, doubts } = asked.evidence;
    const name = named(asked);
    if (by.length > 0) return { evidence: `${name} is signed by ${by.join(', ')}` };
    if (doubts.length === 0) return { waits: `a signature of image ${name} by ${signersText(signers)}` };
    return { broken: `image ${name} is not signed by ${signersText(signers)}: ${some(doubts, TOLD)}` };
  });
  return summed(found);
}

/** A clock may be this far behind that of a scanner. Milliseconds. */
const MOST_AHEAD = 5 * 60_000;

/** When images are judged. */
export interface JudgedAt {
  /** Milliseconds since the epoch. */
  now: number;
  /** Why that cannot be believed; null when it can. */
  clockTrouble: string | null;
}

/** Whether every image has a report that is new enough, and nothing worse in it than may be. */
export function vulnerabilityFindings(
  rule: VulnerabilityRule,
  signers: ImageSigners,
  images: readonly Asked<VulnerabilityEvidence>[],
  { now, clockTrouble }: JudgedAt,
): Findings {
  if (clockTrouble !== null && images.length > 0) {
    return { waits: `a trusted clock, to tell how old vulnerability reports are: ${clockTrouble}` };
  }
  return summed(
    images.map((asked) => ('waits' in asked ? { waits: asked.waits } : judgeReport(asked, { rule, signers, now }))),
  );
}

function judgeReport(
  asked: { image: string; digest: string; evidence: VulnerabilityEvidence },
  { rule, signers, now }: { rule: VulnerabilityRule; signers: ImageSigners; now: number },
): Found {
  const { reports, claims, doubts } = asked.evidence;
  const name = named(asked);
  const timed = reports.filter((one) => one.at !== null && one.at <= now + MOST_AHEAD);
  const newest = timed.toSorted((a, b) => (b.at ?? 0) - (a.at ?? 0))[0];
  const wanted = `a vulnerability report of image ${name} by ${signersText(signers)}`;
  if (newest === undefined) {
    const why = reports.length > 0 ? 'their time is missing or lies in the future' : some(doubts, TOLD);
    return { waits: why === '' ? wanted : `${wanted}: ${why}` };
  }
  const time = formatTime(new Date(newest.at ?? 0));
  if ('unreadable' in newest) return { waits: `${wanted} that can be read: of that of ${time} ${newest.unreadable}` };
  if (now - (newest.at ?? 0) > parseDuration(rule.maxAge)) {
    return { waits: `${wanted} that is newer than ${rule.maxAge}: the newest is of ${time}` };
  }
  const remaining = newest.vulnerabilities.filter((one) => !isCleared(one, claims));
  const worse = remaining.filter(({ severity }) => rank(severity) > rank(rule.maxSeverity));
  const cleared = newest.vulnerabilities.length - remaining.length;
  const counted = `${remaining.length} vulnerabilities${cleared === 0 ? '' : `, ${cleared} more taken away by VEX`}`;
  if (worse.length === 0) return { evidence: `${name} has ${counted}, by a report of ${time} by ${newest.by}` };
  const worst = worse.toSorted((a, b) => rank(b.severity) - rank(a.severity));
  const texts = worst.map(({ ids, severity }) => `${ids[0] ?? 'one'} (${severity ?? 'of unknown severity'})`);
  const list = some(unique(texts), TOLD);
  return { broken: `image ${name} has vulnerabilities above ${rule.maxSeverity}, by the report of ${time}: ${list}` };
}

/** What is not told may be as bad as can be. */
function rank(severity: Severity | null): number {
  return severity === null ? SEVERITIES.indexOf('Critical') : SEVERITIES.indexOf(severity);
}

/** The digest is what was looked at, also where a tag was named. */
function named({ image, digest }: { image: string; digest: string }): string {
  return image.endsWith(`@${digest}`) ? image : `${image} (now ${digest})`;
}

const TOLD = 5;

type Found = { broken: string } | { waits: string } | { evidence: string };

/** What is broken goes before what is waited for: waiting would not mend it. */
function summed(found: readonly Found[]): Findings {
  const evidence = found.flatMap((one) => ('evidence' in one ? [one.evidence] : []));
  const broken = found.flatMap((one) => ('broken' in one ? [one.broken] : []));
  if (broken.length > 0) return { broken, evidence };
  const waits = found.flatMap((one) => ('waits' in one ? [one.waits] : []));
  return waits.length > 0
    ? { waits: some(waits, TOLD, { between: ', and for ', last: ', and for ' }) }
    : { broken, evidence };
}
