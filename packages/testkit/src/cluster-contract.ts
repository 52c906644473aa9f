import { keyOf } from '@plumb/api';
import type { KubeObject } from '@plumb/api';
import type { Cluster } from '@plumb/kube';
import { afterAll, beforeAll, describe } from 'vitest';

import { applyContract } from './contract/apply.ts';
import { customKindContract } from './contract/custom-kinds.ts';
import { deletionContract } from './contract/deletion.ts';
import { WIDGET, WIDGET_DEFINITION } from './contract/fixtures.ts';
import type { Subject } from './contract/fixtures.ts';
import { readContract } from './contract/reads.ts';
import { tokenContract } from './contract/tokens.ts';
import { writeContract } from './contract/writes.ts';

const POLL_MS = 50;
const ATTEMPTS = 200;

/**
 * What every Cluster must do, the real API server's client and the one in memory alike. Whatever a test elsewhere relies
 * on in the in-memory cluster belongs in here.
 */
export function clusterContract(name: string, make: () => Promise<Subject>): void {
  describe(name, () => {
    let subject: Subject;
    const get = (): Subject => subject;

    beforeAll(async () => {
      subject = await make();
      await serve(subject.cluster, WIDGET_DEFINITION);
    });
    afterAll(async () => {
      await subject.cluster.delete(keyOf(WIDGET_DEFINITION));
      await subject.cluster.close();
    });

    describe('writes', () => {
      writeContract(get);
    });
    describe('server-side apply', () => {
      applyContract(get);
    });
    describe('custom kinds', () => {
      customKindContract(get);
    });
    describe('reads', () => {
      readContract(get);
    });
    describe('tokens', () => {
      tokenContract(get);
    });
    describe('deletion', () => {
      deletionContract(get);
    });
  });
}

/** Applies a definition and waits until its kind answers; discovery tells no event for that. */
async function serve(cluster: Cluster, definition: KubeObject): Promise<void> {
  await cluster.apply(definition, { fieldManager: 'contract', force: true });
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    await cluster.discover({ refresh: true });
    if ((await cluster.resource(WIDGET)) !== null && (await answers(cluster))) return;
    await new Promise((resolve) => {
      setTimeout(resolve, POLL_MS);
    });
  }
  throw new Error('the contract’s kind is not served');
}

function answers(cluster: Cluster): Promise<boolean> {
  return cluster.list(WIDGET).then(
    () => true,
    () => false,
  );
}
