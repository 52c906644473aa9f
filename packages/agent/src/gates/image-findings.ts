import type { ImageRule, JsonObject, UnitRef } from '@plumb/api';
import {
  imagesOf,
  isAbout,
  isOfRegistries,
  policyId,
  referenceOf,
  signatureEvidence,
  signatureFindings,
  SIGNATURES_RULE,
  sizeOf,
  vulnerabilityEvidence,
  vulnerabilityFindings,
  VULNERABILITIES_RULE,
  type Asked,
  type Findings,
  type JudgedAt,
  type Occasion,
  type PolicyFacts,
  type SignatureEvidence,
  type VulnerabilityEvidence,
} from '@plumb/core';
import type { Cluster } from '@plumb/kube';
import type { ReadImage } from '@plumb/sources';
import type { Clock } from '../runtime/clock.ts';
import { Limit } from '../runtime/limit.ts';
import { findingKey, type Content } from './content.ts';
import { readMaterial, wordsOf, type ImageMaterial } from './image-material.ts';
import { isInTime, LateAnswers, type Known, type Trouble } from './late-answers.ts';

interface Options {
  read: ReadImage;
  clock: Clock;
  /** Ends what is being asked. */
  signal: AbortSignal;
  onChange: (unit: UnitRef) => void;
}

export interface ImagesAsked {
  ref: UnitRef;
  policies: readonly PolicyFacts[];
  occasion: Occasion;
  contents: () => Promise<readonly Content[]>;
  at: JudgedAt;
  cluster: Cluster;
  signal: AbortSignal;
}

/** A judgement waits this long for registries; whoever is late is told of, and wakes the unit. Milliseconds. */
const WITHIN = 1_000;
/** What is not there yet is looked for again after this long. Milliseconds. */
const LOOK_AGAIN = 30_000;
/** A tag may lead elsewhere at any time. Milliseconds. */
const TAG_COUNTS = 60_000;
/** A newer report, or another statement on what is in one, may come at any time. Milliseconds. */
const REPORTS_COUNT = 10 * 60_000;
/** What is signed under a digest stays so. Milliseconds. */
const SIGNATURES_COUNT = 24 * 60 * 60_000;

/** Questions that registries are asked at once. */
const AT_ONCE = 8;
/** A registry that takes longer is as one that is away. Milliseconds. */
const TIMEOUT = 30_000;
/** What is kept: answers, each with what it holds. */
const MOST_KEPT = 100_000;
/** What was told less than this ago is not asked again, whatever it was. Milliseconds. */
const AT_LEAST = 5_000;

/** What is known of an image. Null is what was not asked. */
interface ImageKnown {
  /** What its name leads to. */
  digest: string;
  signatures: SignatureEvidence | null;
  vulnerabilities: VulnerabilityEvidence | null;
}

/** A policy that asks registries, with what it asks by. */
interface Look {
  policy: PolicyFacts;
  rule: ImageRule;
  /** Why it cannot be asked by is a text. */
  material: ImageMaterial | string;
  at: JudgedAt;
}

/** What images are found to be: signed, and without vulnerabilities. */
export class ImageFindings {
  readonly #options: Options;
  readonly #answers: LateAnswers<ImageKnown>;
  readonly #limit = new Limit(AT_ONCE);

  constructor(options: Options) {
    this.#options = options;
    this.#answers = new LateAnswers({ clock: options.clock, most: MOST_KEPT, weightOf });
  }

  /** By policy and rule. `again`: when to look again at the latest, in milliseconds; null when nothing is waited for. */
  async of(asked: ImagesAsked): Promise<{ found: Map<string, Findings>; again: number | null }> {
    const found = new Map<string, Findings>();
    const governing = asked.policies.filter(({ spec: { images } }) => asksRegistries(images, asked.occasion));
    if (governing.length === 0) return { found, again: null };
    const contents = await asked.contents();
    const looks = await Promise.all(governing.map((policy) => lookOf(policy, asked)));
    const all = looks.map((look) => ({
      look,
      asked: imagesIn(contents, look.rule).map((image) => this.#ask(look, image)),
    }));
    await this.#within(
      asked,
      all.flatMap((one) => one.asked),
    );
    for (const { look, asked: ofLook } of all) {
      for (const [rule, findings] of judged(look, ofLook.map(toldOf)))
        found.set(findingKey(policyId(look.policy), rule), findings);
    }
    const isWaiting = [...found.values()].some((one) => !('broken' in one) || one.broken.length > 0);
    return { found, again: isWaiting ? LOOK_AGAIN : null };
  }

  #ask({ rule, material, at }: Look, image: string): AskedOf {
    const named = referenceOf(image);
    const isAllowed = isOfRegistries(rule.registries, image);
    if (named === null || typeof material === 'string' || !isAllowed) return { image, named, isAllowed, known: null };
    const known = this.#answers.ask({
      key: keyOf(material, named),
      ask: () => this.#limit.run(() => this.#read(material, named)),
      countsFor: (told) => {
        if ('trouble' in told) return AT_LEAST;
        const counts = countsFor(rule, material, { known: told, image, at });
        return Math.max(AT_LEAST, named.isDigest ? counts : Math.min(counts, TAG_COUNTS));
      },
    });
    return { image, named, isAllowed, known };
  }

  async #read(
    { signatures, vulnerabilities, logins }: ImageMaterial,
    { repository, reference }: { repository: string; reference: string },
  ): Promise<ImageKnown> {
    const trusts = [signatures, vulnerabilities].flatMap((one) => (one === null ? [] : [one.trust]));
    const signal = AbortSignal.any([this.#options.signal, AbortSignal.timeout(TIMEOUT)]);
    const { digest, answers } = await this.#options.read({ repository, reference, logins, trusts, signal });
    const [first, last] = [answers[0], answers.at(-1)];
    const isSigned = signatures !== null && first !== undefined;
    const isReported = vulnerabilities !== null && last !== undefined;
    return {
      digest,
      signatures: isSigned ? signatureEvidence(signatures.signers, first) : null,
      vulnerabilities: isReported ? vulnerabilityEvidence(vulnerabilities.signers, last, { repository, digest }) : null,
    };
  }

  /** Who is late wakes the unit when all have told. */
  async #within({ ref }: ImagesAsked, asked: readonly AskedOf[]): Promise<void> {
    const late = asked.flatMap(({ known }) => (known === null || known.asking === null ? [] : [known.asking]));
    if (late.length === 0) return;
    const { clock, onChange } = this.#options;
    await isInTime(Promise.all(late), { clock, within: WITHIN, onLate: () => onChange(ref) });
  }
}

/** An image as it is asked about; of a name that is none, or with nothing to ask by, nothing is known. */
interface AskedOf {
  image: string;
  named: object | null;
  /** Whoever writes an object names its registry: one that the policy does not allow is not asked. */
  isAllowed: boolean;
  known: Known<ImageKnown> | null;
}

function toldOf({ image, named, isAllowed, known }: AskedOf): ToldOf {
  if (named === null) return { image, waits: `a name of image ${image} that can be read` };
  if (!isAllowed) return { image, waits: `image ${image} to be of a registry that may be asked` };
  const told = known === null || known.asking !== null ? null : known.told;
  if (told === null) return { image, waits: `an answer of the registry of image ${image}` };
  return 'trouble' in told
    ? { image, waits: `an answer of the registry of image ${image}: ${told.trouble}` }
    : { image, known: told };
}

function weightOf(told: ImageKnown | Trouble): number {
  const BASE = 10;
  return 'trouble' in told || told.vulnerabilities === null ? BASE : BASE + sizeOf(told.vulnerabilities);
}

type ToldOf = { image: string; waits: string } | { image: string; known: ImageKnown };

function asksRegistries(images: ImageRule | undefined, occasion: Occasion): boolean {
  if (images === undefined || !isAbout(images.causes, occasion)) return false;
  return images.signatures !== undefined || images.vulnerabilities !== undefined;
}

function imagesIn(contents: readonly Content[], { fields }: ImageRule): string[] {
  const named = contents.flatMap(({ body }) => imagesOf(body as unknown as JsonObject, fields));
  return [...new Set(named)].toSorted();
}

async function lookOf(policy: PolicyFacts, asked: ImagesAsked): Promise<Look> {
  const { images: rule = {} } = policy.spec;
  const { at } = asked;
  try {
    return { policy, rule, material: await readMaterial(policy, rule, asked), at };
  } catch (error) {
    asked.signal.throwIfAborted();
    return { policy, rule, material: wordsOf(error), at };
  }
}

function keyOf(
  { digest }: ImageMaterial,
  { repository, reference }: { repository: string; reference: string },
): string {
  return `${digest} ${repository} ${reference}`;
}

function judged(
  { rule, material, at }: Pick<Look, 'rule' | 'material' | 'at'>,
  told: readonly ToldOf[],
): [string, Findings][] {
  const { signatures, vulnerabilities } = rule;
  const rules: [string, Findings][] = [];
  if (signatures !== undefined) {
    const asked = told.map((one) => askedOf(one, (known) => known.signatures));
    const found = typeof material === 'string' ? { trouble: material } : signatureFindings(signatures, asked);
    rules.push([SIGNATURES_RULE, found]);
  }
  if (vulnerabilities !== undefined) {
    const asked = told.map((one) => askedOf(one, (known) => known.vulnerabilities));
    const signers = vulnerabilities.signedBy ?? signatures ?? {};
    const found =
      typeof material === 'string' ? { trouble: material } : vulnerabilityFindings(vulnerabilities, signers, asked, at);
    rules.push([VULNERABILITIES_RULE, found]);
  }
  return rules;
}

function askedOf<Evidence>(told: ToldOf, evidenceOf: (known: ImageKnown) => Evidence | null): Asked<Evidence> {
  const { image } = told;
  if ('waits' in told) return told;
  const evidence = evidenceOf(told.known);
  return evidence === null
    ? { image, waits: `an answer of the registry of image ${image}` }
    : { image, digest: told.known.digest, evidence };
}

/** How long an answer about an image counts: a yes for long, a no until somebody asks again. Milliseconds. */
function countsFor(
  rule: ImageRule,
  material: ImageMaterial,
  { known, image, at }: { known: ImageKnown; image: string; at: JudgedAt },
): number {
  const found = judged({ rule, material, at }, [{ image, known }]);
  if (found.some(([, one]) => !('broken' in one) || one.broken.length > 0)) return 0;
  return rule.vulnerabilities === undefined ? SIGNATURES_COUNT : REPORTS_COUNT;
}
