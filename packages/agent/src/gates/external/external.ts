import { createHash } from 'node:crypto';
import type { UnitRef } from '@plumb/api';
import { externalTimes, readAnswer, systemOf, type ChangeFacts, type Findings, type PolicyFacts } from '@plumb/core';
import type { Engine } from '@plumb/engine';
import type { Cluster } from '@plumb/kube';
import { hidingSecrets } from '../../delivery/hide-secrets.ts';
import type { Clock } from '../../runtime/clock.ts';
import { Limit } from '../../runtime/limit.ts';
import { knownOf } from '../expressions.ts';
import { isInTime, LateAnswers, type Known } from '../late-answers.ts';
import { exchange } from './exchange.ts';
import { judgeWebhook, questionsOf, type Asked } from './questions.ts';

interface Options {
  cluster: Cluster;
  engine: Pick<Engine, 'celEval'>;
  clock: Clock;
  /** Told of a unit for which an answer came that it did not wait for. */
  onChange: (unit: UnitRef) => void;
  signal: AbortSignal;
}

/** How long a judgement waits for answers. Milliseconds. */
const WITHIN = 1_000;
/** Questions of one policy that are on their way at once. */
const AT_ONCE = 8;
/** Answers that are kept, as long as they are good. */
const KEPT = 5_000;

/** What other systems say of changes. Each question is asked once for all who have it, and its answer kept for as long as its rule says. */
export class ExternalAnswers {
  readonly #options: Options;
  readonly #answers: LateAnswers<Findings>;
  readonly #limits = new Map<string, Limit>();
  /** Systems, by policy, that did not answer in time the last time: nobody waits for them, or many changes would hold many workers for long. */
  readonly #slow = new Set<string>();

  constructor(options: Options) {
    this.#options = options;
    this.#answers = new LateAnswers({ clock: options.clock, most: KEPT });
  }

  /**
   * What the rules of policies find, by `findingKey`.
   * @returns `again`: in how many milliseconds what lets nothing pass is to be asked anew; null: never
   */
  async read(
    policies: readonly PolicyFacts[],
    change: ChangeFacts,
    { unit, isEmergency, signal }: { unit: UnitRef; isEmergency: boolean; signal: AbortSignal },
  ): Promise<{ found: Map<string, Findings>; again: number | null }> {
    const { engine, clock } = this.#options;
    const { asked, found } = await questionsOf(policies, change, { engine, isEmergency, signal });
    const all = asked.map((one) => ({ one, known: this.#ask(one, change) }));
    await this.#within(all, unit);
    let again: number | null = null;
    for (const { one, known } of all) {
      const left = known.told === null ? 0 : known.at + countsFor(one, known.told) - clock.now();
      // A no that may be of the past holds, a yes does not let pass.
      const usable = known.told === null || (left <= 0 && isYes(known.told)) ? null : known.told;
      found.set(one.id, usable ?? { waits: `an answer of ${systemOf(one.rule)}, which was asked` });
      if (known.asking === null && usable !== null && !isLasting(usable))
        again = Math.min(again ?? Infinity, Math.max(0, left));
    }
    signal.throwIfAborted();
    return { found, again };
  }

  done(): Promise<void> {
    return this.#answers.done();
  }

  /** Waits, but for systems that were slow; those that are late wake the unit, each when it has told. */
  async #within(all: readonly { one: Asked; known: Known<Findings> }[], unit: UnitRef): Promise<void> {
    const { clock, onChange } = this.#options;
    const patience = { clock, within: WITHIN, onLate: () => undefined };
    const prompt = all.filter(({ one }) => !this.#slow.has(placeOf(one)));
    await isInTime(Promise.all(prompt.map(({ known }) => known.asking)), patience);
    for (const { one, known } of all) {
      if (known.asking === null) continue;
      this.#slow.add(placeOf(one));
      void known.asking.then(() => onChange(unit));
    }
  }

  #ask(asked: Asked, change: ChangeFacts): Known<Findings> {
    return this.#answers.ask({
      key: idOf(asked, change),
      ask: () => this.#limitOf(asked.policy).run(() => this.#answer(asked, change)),
      countsFor: (told) => countsFor(asked, told),
    });
  }

  /** Never throws. */
  async #answer(asked: Asked, change: ChangeFacts): Promise<Findings> {
    const { rule, namespace, question, key } = asked;
    const { cluster, engine, clock, signal } = this.#options;
    const begun = clock.now();
    const { said, secrets } = await exchange({ rule, namespace, question }, { cluster, signal });
    if (clock.now() - begun < WITHIN) this.#slow.delete(placeOf(asked));
    const hide = hidingSecrets(secrets);
    if ('trouble' in said) return { trouble: hide(said.trouble) };
    const { answer } = said;
    const at = clock.time();
    const found =
      rule.webhook === undefined
        ? readAnswer(rule, { key, at, answer })
        : await judgeWebhook(rule, { answer, change, at }, { engine, signal }).catch(() => STOPPED);
    return hidden(found, hide);
  }

  #limitOf(policy: string): Limit {
    const limit = this.#limits.get(policy) ?? new Limit(AT_ONCE);
    this.#limits.set(policy, limit);
    return limit;
  }
}

/** Milliseconds. */
function countsFor({ rule }: Asked, told: Findings): number {
  const { cache, retryInterval } = externalTimes(rule);
  return isYes(told) ? cache : retryInterval;
}

function placeOf({ policy, rule }: Asked): string {
  return `${policy} ${systemOf(rule)}`;
}

const STOPPED = { trouble: 'the agent stops' };

/** Two rules that ask the same of the same system are two questions: they read the answer, and their Secrets, each in its own way. */
function idOf({ policy, rule, question, key }: Asked, change: ChangeFacts): string {
  const { expression = '', messageExpression = '' } = rule.webhook ?? {};
  const readsChange = /\b(change|unit|source)\b/.test(expression + messageExpression);
  const about = readsChange ? knownOf(change, { listsObjects: true }) : null;
  return createHash('sha256')
    .update(JSON.stringify([policy, rule, question, key, about]))
    .digest('base64');
}

function isYes(found: Findings): boolean {
  return 'broken' in found && found.broken.length === 0;
}

/** Whether nothing is gained by asking anew before somebody needs it: of a time that is over there may be another one. */
function isLasting(found: Findings): boolean {
  return 'broken' in found && found.broken.length === 0 && found.during === undefined;
}

function hidden(found: Findings, hide: (text: string) => string): Findings {
  if ('trouble' in found) return { trouble: hide(found.trouble) };
  if ('waits' in found) return { waits: hide(found.waits) };
  return { ...found, broken: found.broken.map(hide), evidence: (found.evidence ?? []).map(hide) };
}
