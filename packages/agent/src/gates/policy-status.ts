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
import type { PolicyFacts } from '@plumb/core';
import type { Engine } from '@plumb/engine';
import type { Cluster } from '@plumb/kube';
import { mergePatch } from '../runtime/merge-patch.ts';
import { expressionFlaw } from './expression-flaw.ts';

interface Options {
  cluster: Cluster;
  engine: Pick<Engine, 'celCheck'>;
  /** Milliseconds since the epoch. */
  time: () => number;
  onFault: (what: string, error: unknown) => void;
}

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
    const { cluster, engine, time } = this.#options;
    const flaw = facts.flaw ?? (await expressionFlaw(facts, engine));
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
}

function saidOf(flaw: string | null): Said {
  return flaw === null ? say(ownMessages.policySound, {}) : say(ownMessages.policyFlawed, { flaw });
}
