import {
  asPlumbError,
  GATES_MANAGER,
  ownMessages,
  say,
  setConditions,
  type Condition,
  type JsonObject,
  type KubeObject,
  type Said,
} from '@plumb/api';
import { externalName, type PolicyFacts } from '@plumb/core';
import type { CelExpression, Engine } from '@plumb/engine';
import type { Cluster } from '@plumb/kube';
import { mergePatch } from '../runtime/merge-patch.ts';
import { VARIABLES } from './expressions.ts';
import { ANSWER_VARIABLES, askedBy } from './external/questions.ts';

interface Options {
  cluster: Cluster;
  engine: Pick<Engine, 'celCheck'>;
  /** Milliseconds since the epoch. */
  time: () => number;
  onFault: (what: string, error: unknown) => void;
}

const DEADLINE = 10_000;

/** Says in the status of each policy whether it can be judged by, so that whoever writes one learns of a mistake before it holds a change. */
export class PolicyStatus {
  readonly #options: Options;
  #last: Promise<unknown> = Promise.resolve();
  /** The generation of each policy that was looked at, by uid. */
  readonly #looked = new Map<string, number>();

  constructor(options: Options) {
    this.#options = options;
  }

  /** A policy came or changed: it is looked at after those before it. */
  note(object: KubeObject, facts: PolicyFacts): void {
    const { uid = '', generation = 0, deletionTimestamp } = object.metadata;
    if (deletionTimestamp !== undefined || this.#looked.get(uid) === generation) return;
    this.#looked.set(uid, generation);
    this.#last = this.#last
      .then(() => this.#tell(object, facts))
      .catch((error: unknown) => {
        this.#looked.delete(object.metadata.uid ?? '');
        // Gone, or written by another replica meanwhile.
        if (['api-not-found', 'api-conflict', 'cancelled'].includes(asPlumbError(error).code)) return;
        this.#options.onFault(`status of ${object.kind}/${object.metadata.name} could not be written`, error);
      });
  }

  async done(): Promise<void> {
    await this.#last;
  }

  async #tell(object: KubeObject, facts: PolicyFacts): Promise<void> {
    const { cluster, time } = this.#options;
    const flaw = facts.flaw ?? (await this.#flawOfExpressions(facts));
    const { generation = 0, name, namespace = '' } = object.metadata;
    const { reason, text: message } = saidOf(flaw);
    const status = (object['status'] ?? {}) as { conditions?: Condition[] };
    const ready = {
      type: 'Ready',
      status: flaw === null ? 'True' : 'False',
      reason,
      message,
      observedGeneration: generation,
    } as const;
    const conditions = setConditions(status.conditions ?? [], [ready], new Date(time()));
    const next = { ...status, conditions, observedGeneration: generation } as unknown as JsonObject;
    const patch = mergePatch(status as unknown as JsonObject, next);
    if (patch === null) return;
    const key = { group: 'plumb.dev', version: 'v1', kind: object.kind, namespace, name };
    await cluster.patch(key, { status: patch }, { type: 'merge', subresource: 'status', fieldManager: GATES_MANAGER });
  }

  async #flawOfExpressions(facts: PolicyFacts): Promise<string | null> {
    const { ofChange, ofAnswer } = expressionsIn(facts);
    return (await this.#firstFlaw(ofChange, VARIABLES)) ?? (await this.#firstFlaw(ofAnswer, ANSWER_VARIABLES));
  }

  async #firstFlaw(all: readonly Placed[], variables: readonly string[]): Promise<string | null> {
    if (all.length === 0) return null;
    const problems = await this.#options.engine.celCheck({
      mode: { kind: 'policy', variables },
      expressions: all.map(({ expression }) => expression),
      deadline: DEADLINE,
    });
    const at = problems.findIndex((problem) => problem !== null);
    return at < 0 ? null : `${all[at]?.where ?? ''}: ${problems[at] ?? ''}`;
  }
}

interface Placed {
  where: string;
  expression: CelExpression;
}

/** What a policy evaluates over a change, and over what another system answers. */
function expressionsIn({ spec }: PolicyFacts): { ofChange: Placed[]; ofAnswer: Placed[] } {
  const { checks = [], approvals = [], external = [] } = spec;
  const text = (where: string, expression: string | undefined): Placed[] =>
    expression === undefined ? [] : [{ where, expression: { expression, string: true } }];
  const ofChange = [
    ...checks.flatMap(({ name, expression, messageExpression }) => [
      { where: `checks/${name}`, expression },
      ...text(`checks/${name}`, messageExpression),
    ]),
    ...approvals.flatMap(({ name, when }) =>
      when === undefined ? [] : [{ where: `approvals/${name}`, expression: when }],
    ),
    ...external.flatMap((rule) => askedBy(rule).map((expression) => ({ where: externalName(rule), expression }))),
  ];
  const ofAnswer = external.flatMap((rule) => {
    const { expression, messageExpression } = rule.webhook ?? {};
    const where = externalName(rule);
    return expression === undefined ? [] : [{ where, expression }, ...text(where, messageExpression)];
  });
  return { ofChange, ofAnswer };
}

function saidOf(flaw: string | null): Said {
  return flaw === null ? say(ownMessages.policySound, {}) : say(ownMessages.policyFlawed, { flaw });
}
