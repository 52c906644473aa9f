import { createHash } from 'node:crypto';
import type { UnitRef } from '@plumb/api';
import { externalTimes, readAnswer, systemOf, type ChangeFacts, type Findings, type PolicyFacts } from '@plumb/core';
import type { Engine } from '@plumb/engine';
import type { Cluster } from '@plumb/kube';
import { hidingSecrets } from '../../delivery/hide-secrets.ts';
import type { Clock } from '../../runtime/clock.ts';
import { Limit } from '../../runtime/limit.ts';
import { knownOf } from '../expressions.ts';
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

interface Known {
  /** What the last answer says; null before the first. */
  found: Findings | null;
  /** Until when that counts, by `clock.now()`. */
  until: number;
  /** The question is on its way. */
  flight: Promise<void> | null;
  /** Whom to wake when an answer is there. */
  waiting: Map<string, UnitRef>;
}

/** What other systems say of changes. Each question is asked once for all who have it, and its answer kept for as long as its rule says. */
export class ExternalAnswers {
  readonly #options: Options;
  readonly #known = new Map<string, Known>();
  readonly #limits = new Map<string, Limit>();
  /** Systems, by policy, that did not answer in time the last time: nobody waits for them, or many changes would hold many workers for long. */
  readonly #slow = new Set<string>();

  constructor(options: Options) {
    this.#options = options;
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
    const late = Promise.withResolvers<void>();
    const cancel = clock.after(WITHIN, late.resolve);
    let again: number | null = null;
    await Promise.all(
      asked.map(async (one) => {
        const known = this.#ask(one, change);
        if (known.flight !== null && !this.#slow.has(placeOf(one))) await Promise.race([known.flight, late.promise]);
        if (known.flight !== null) {
          this.#slow.add(placeOf(one));
          known.waiting.set(`${unit.kind}/${unit.namespace}/${unit.name}`, unit);
        }
        // A no that may be of the past holds, a yes does not let pass.
        const isOld = known.until <= clock.now();
        const usable = known.found === null || (isOld && isYes(known.found)) ? null : known.found;
        found.set(one.id, usable ?? { waits: `an answer of ${systemOf(one.rule)}, which was asked` });
        if (known.flight === null && usable !== null && !isLasting(usable))
          again = Math.min(again ?? Infinity, Math.max(0, known.until - clock.now()));
      }),
    );
    cancel();
    signal.throwIfAborted();
    return { found, again };
  }

  async done(): Promise<void> {
    await Promise.all([...this.#known.values()].map(({ flight }) => flight));
  }

  #ask(asked: Asked, change: ChangeFacts): Known {
    const id = idOf(asked, change);
    const known: Known = this.#known.get(id) ?? { found: null, until: 0, flight: null, waiting: new Map() };
    if (known.flight !== null || known.until > this.#options.clock.now()) return known;
    this.#tidy();
    this.#known.set(id, known);
    known.flight = this.#limitOf(asked.policy)
      .run(() => this.#answer(asked, change))
      .then((found) => {
        const { cache, retryInterval } = externalTimes(asked.rule);
        known.found = found;
        known.until = this.#options.clock.now() + (isYes(found) ? cache : retryInterval);
        known.flight = null;
        const waiting = [...known.waiting.values()];
        known.waiting.clear();
        for (const unit of waiting) this.#options.onChange(unit);
      });
    return known;
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

  #tidy(): void {
    if (this.#known.size < KEPT) return;
    const now = this.#options.clock.now();
    for (const [id, { until, flight }] of this.#known) if (flight === null && until <= now) this.#known.delete(id);
    for (const [id, { flight }] of this.#known) {
      if (this.#known.size < KEPT) return;
      if (flight === null) this.#known.delete(id);
    }
  }
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
