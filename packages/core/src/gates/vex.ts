import type { Json } from '@plumb/api';
import { asList, asRecord, asText, type Fields } from './loose-json.ts';
import { timeOf, type ImageStatement, type Vulnerability } from './scan-report.ts';

/** What somebody says of a vulnerability in an image (OpenVEX). */
export interface VexClaim {
  /** The vulnerability's names. */
  ids: readonly string[];
  /** Whether the image is said not to suffer from it: it is not affected, or it is fixed. */
  clears: boolean;
  /** Packages in the image that the claim is about; empty: the image as a whole. */
  within: readonly string[];
  /** Milliseconds since the epoch. What tells no time is older than all that does. */
  at: number;
}

/** Which image a claim has to be about. */
export interface ImageName {
  /** Registry and path. */
  repository: string;
  digest: string;
}

const OPENVEX = /^https:\/\/openvex\.dev\/ns(?:\/|$)/;

/** What a statement says of vulnerabilities of an image; null where it is no document of OpenVEX. */
export function vexClaims({ predicateType, predicate, at }: ImageStatement, image: ImageName): VexClaim[] | null {
  if (!OPENVEX.test(predicateType)) return null;
  const document = asRecord(predicate);
  return asList(document['statements'])
    .map(asRecord)
    .flatMap((statement) => {
      const products = asList(statement['products']).filter((product) => isOf(product, image));
      const isOfSubject = asList(statement['products']).length === 0;
      if (products.length === 0 && !isOfSubject) return [];
      const status = asText(statement['status']);
      const said = { ids: idsOf(statement['vulnerability']), clears: status === 'not_affected' || status === 'fixed' };
      const time = timeIn(statement) ?? timeIn(document) ?? at ?? Number.NEGATIVE_INFINITY;
      const parts = [
        ...products.flatMap((product) => asList(asRecord(product)['subcomponents'])),
        ...asList(statement['subcomponents']),
      ];
      return [{ ...said, within: parts.flatMap(namesOf), at: time }];
    });
}

function timeIn(fields: Fields): number | null {
  return timeOf(fields['last_updated']) ?? timeOf(fields['timestamp']);
}

/** A text in the first version of OpenVEX, since then an object. */
function idsOf(vulnerability: Json | undefined): string[] {
  const { name, aliases, '@id': id } = asRecord(vulnerability);
  return [asText(vulnerability), asText(name), asText(id), ...asList(aliases).map(asText)].filter((one) => one !== '');
}

/** What a product or component is called: itself, or by its identifiers. */
function namesOf(thing: Json): string[] {
  const { '@id': id, identifiers } = asRecord(thing);
  const known = Object.values(asRecord(asRecord(identifiers) as Json)).map(asText);
  return [asText(thing), asText(id), ...known].filter((name) => name !== '');
}

function isOf(product: Json, { repository, digest }: ImageName): boolean {
  const [algorithm = '', hex = ''] = digest.split(':');
  const hashes = Object.values(asRecord(asRecord(product)['hashes']));
  if (hashes.some((hash) => asText(hash) === hex)) return true;
  return namesOf(product).some((name) => {
    const plain = decoded(name);
    if (plain.includes(`@${algorithm}:`)) return plain.includes(`@${digest}`);
    return isImageWithoutVersion(plain, repository);
  });
}

function decoded(name: string): string {
  return name.replace(/%3a/gi, ':').replace(/%2f/gi, '/').replace(/%40/g, '@');
}

/** `pkg:oci/web`, also with the repository it is in: every version of it. */
function isImageWithoutVersion(name: string, repository: string): boolean {
  const found = /^pkg:oci\/([^@?#]+)(?:\?([^#]*))?$/.exec(name);
  if (found === null) return false;
  const [, product = '', qualifiers = ''] = found;
  const url = /(?:^|&)repository_url=([^&]+)/.exec(qualifiers)?.[1]?.toLowerCase();
  if (repository.slice(repository.lastIndexOf('/') + 1) !== product.toLowerCase()) return false;
  return url === undefined || url === repository || `${url}/${product.toLowerCase()}` === repository;
}

/** Whether the newest that is said of a vulnerability takes it away. */
export function isCleared(vulnerability: Vulnerability, claims: readonly VexClaim[]): boolean {
  const own = claims.filter((claim) => isAbout(claim, vulnerability));
  const newest = own.toSorted((a, b) => b.at - a.at || Number(a.clears) - Number(b.clears))[0];
  return newest?.clears === true;
}

function isAbout({ ids, within }: VexClaim, vulnerability: Vulnerability): boolean {
  const isNamed = ids.some(
    (id) => vulnerability.ids.includes(id.slice(id.lastIndexOf('/') + 1)) || vulnerability.ids.includes(id),
  );
  if (!isNamed || within.length === 0) return isNamed;
  const own = vulnerability.package;
  return own !== null && within.some((part) => isSamePackage(part, own));
}

/** Package URLs without their qualifiers; one without a version is every version. */
function isSamePackage(part: string, own: string): boolean {
  const [a, b] = [plain(part), plain(own)];
  return a === b || (!/@[^/]+$/.test(a) && b.startsWith(`${a}@`));
}

function plain(name: string): string {
  return decoded(name.replace(/[?#].*$/, ''));
}
