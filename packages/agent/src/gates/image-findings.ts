import type { ImageRule, JsonObject, UnitRef } from '@plumb/api';
import {
  imagesOf,
  isAbout,
  policyId,
  referenceOf,
  signatureEvidence,
  signatureFindings,
  SIGNATURES_RULE,
  vulnerabilityEvidence,
  vulnerabilityFindings,
  VULNERABILITIES_RULE,
  type Asked,
  type Findings,
  type JudgedAt,
  type Occasion,
  type PolicyFacts,
} from '@plumb/core';
import type { Cluster } from '@plumb/kube';
import type { ReadImage } from '@plumb/sources';
import type { Clock } from '../runtime/clock.ts';
import { findingKey, type Content } from './content.ts';
import { ImageAnswers, type ImageKnown } from './image-answers.ts';
import { readMaterial, wordsOf, type ImageMaterial } from './image-material.ts';

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
  readonly #answers: ImageAnswers;

  constructor(options: Options) {
    this.#options = options;
    this.#answers = new ImageAnswers(options.clock, options.signal);
  }

  /** By policy and rule. `again`: when to look again at the latest, in milliseconds; null when nothing is waited for. */
  async of(asked: ImagesAsked): Promise<{ found: Map<string, Findings>; again: number | null }> {
    const found = new Map<string, Findings>();
    const governing = asked.policies.filter(({ spec: { images } }) => asksRegistries(images, asked.occasion));
    if (governing.length === 0) return { found, again: null };
    const named = (await asked.contents()).flatMap(({ body }) => imagesOf(body as unknown as JsonObject));
    const images = [...new Set(named)].toSorted();
    const looks = await Promise.all(governing.map((policy) => lookOf(policy, asked)));
    const late = looks.flatMap((look) => images.map((image) => this.#ask(look, image)));
    await this.#within(
      asked,
      late.filter((one) => one !== null),
    );
    for (const look of looks) {
      const told = images.map((image) => this.#told(look, image));
      for (const [rule, findings] of judged(look, told)) found.set(findingKey(policyId(look.policy), rule), findings);
    }
    const isWaiting = [...found.values()].some((one) => !('broken' in one) || one.broken.length > 0);
    return { found, again: isWaiting ? LOOK_AGAIN : null };
  }

  #ask({ rule, material, at }: Look, image: string): Promise<void> | null {
    const named = referenceOf(image);
    if (named === null || typeof material === 'string') return null;
    const { repository, reference, isDigest } = named;
    const { signatures, vulnerabilities, logins } = material;
    const trusts = [signatures, vulnerabilities].flatMap((one) => (one === null ? [] : [one.trust]));
    return this.#answers.ask({
      key: keyOf(material, named),
      countsFor: (known) => (isDigest ? countsFor(rule, material, { known, image, at }) : TAG_COUNTS),
      ask: async (signal) => {
        const { digest, answers } = await this.#options.read({ repository, reference, logins, trusts, signal });
        const [first, last] = [answers[0], answers.at(-1)];
        const isSigned = signatures !== null && first !== undefined;
        const isReported = vulnerabilities !== null && last !== undefined;
        return {
          digest,
          signatures: isSigned ? signatureEvidence(signatures.signers, first) : null,
          vulnerabilities: isReported
            ? vulnerabilityEvidence(vulnerabilities.signers, last, { repository, digest })
            : null,
        };
      },
    });
  }

  /** Who is late wakes the unit when it has told. */
  async #within({ ref }: ImagesAsked, late: readonly Promise<void>[]): Promise<void> {
    if (late.length === 0) return;
    const { clock, onChange } = this.#options;
    const all = Promise.all(late).then(() => true);
    const { promise, resolve } = Promise.withResolvers<false>();
    const cancel = clock.after(WITHIN, () => resolve(false));
    const isTold = await Promise.race([all, promise]);
    cancel();
    if (!isTold) void all.then(() => onChange(ref));
  }

  #told({ material }: Look, image: string): ToldOf {
    const named = referenceOf(image);
    if (named === null) return { image, waits: `a name of image ${image} that can be read` };
    const told = typeof material === 'string' ? null : this.#answers.known(keyOf(material, named));
    if (told === null) return { image, waits: `word of the registry of image ${image}` };
    return 'trouble' in told
      ? { image, waits: `word of the registry of image ${image}: ${told.trouble}` }
      : { image, known: told };
  }
}

type ToldOf = { image: string; waits: string } | { image: string; known: ImageKnown };

function asksRegistries(images: ImageRule | undefined, occasion: Occasion): boolean {
  if (images === undefined || !isAbout(images.causes, occasion)) return false;
  return images.signatures !== undefined || images.vulnerabilities !== undefined;
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
    ? { image, waits: `word of the registry of image ${image}` }
    : { image, digest: told.known.digest, evidence };
}

/** How long an answer about an image by digest counts: a yes for long, a no until somebody asks again. Milliseconds. */
function countsFor(
  rule: ImageRule,
  material: ImageMaterial,
  { known, image, at }: { known: ImageKnown; image: string; at: JudgedAt },
): number {
  const found = judged({ rule, material, at }, [{ image, known }]);
  if (found.some(([, one]) => !('broken' in one) || one.broken.length > 0)) return 0;
  return rule.vulnerabilities === undefined ? SIGNATURES_COUNT : REPORTS_COUNT;
}
