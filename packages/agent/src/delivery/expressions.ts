import type { PlumbError } from '@plumb/api';
import { systemError } from '@plumb/api';
import type { ExpressionResult } from '@plumb/core';
import { EngineError } from '@plumb/engine';
import type { CelInput, CelMode, Engine } from '@plumb/engine';

/** How Flux reads spec.healthCheckExprs: the fields of the object are the variables. */
export const OF_HEALTH: CelMode = { kind: 'parsed' };
/** How Flux reads a readyExpr. */
export const OF_READINESS: CelMode = { kind: 'compiled', variables: ['self', 'dep'] };

/** Milliseconds that one call to the engine may take, waiting for its turn included. */
const WITHIN = 10_000;
/** Inputs go to the engine in pieces: at most so many, and about so many characters. */
const MOST_INPUTS = 200;
const MOST_CHARACTERS = 8 * 1024 * 1024;

/** Whose question it is, and until when it is asked. */
export interface Asker {
  /** The unit's namespace. */
  tenant: string;
  signal: AbortSignal;
}

/**
 * CEL for one unit at a time: one whose expressions bring the engine down takes no other's with it. Everything it throws is a
 * PlumbError: `engine-failed`, `timeout` or `cancelled`.
 */
export class Expressions {
  readonly #engine: Pick<Engine, 'celCheck' | 'celEval'>;

  constructor(engine: Pick<Engine, 'celCheck' | 'celEval'>) {
    this.#engine = engine;
  }

  /** What is wrong with each expression; null where nothing is. */
  async check(mode: CelMode, expressions: readonly string[], asker: Asker): Promise<(string | null)[]> {
    if (expressions.length === 0) return [];
    return attempt(() => this.#engine.celCheck({ mode, expressions, deadline: WITHIN, ...asker }));
  }

  /** What each input gives, in order. */
  async evaluate(
    mode: CelMode,
    { expressions, inputs }: { expressions: readonly string[]; inputs: readonly CelInput[] },
    asker: Asker,
  ): Promise<ExpressionResult[]> {
    const results: ExpressionResult[] = [];
    for (const piece of piecesOf(inputs)) {
      const call = { mode, expressions, inputs: piece, deadline: WITHIN, ...asker };
      // One after another: a unit must not take all of the engine.
      results.push(...(await attempt(() => this.#engine.celEval(call))));
    }
    return results;
  }
}

function piecesOf(inputs: readonly CelInput[]): CelInput[][] {
  const pieces: CelInput[][] = [];
  let room = 0;
  for (const input of inputs) {
    const last = pieces.at(-1);
    if (last === undefined || last.length >= MOST_INPUTS || input.json.length > room) {
      pieces.push([input]);
      room = MOST_CHARACTERS;
    } else last.push(input);
    room -= input.json.length;
  }
  return pieces;
}

/** A helper that ended may have ended for another's sake: what it was asked is asked once more. */
async function attempt<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'crashed') throw asError(error);
  }
  try {
    return await call();
  } catch (error) {
    throw asError(error);
  }
}

function asError(error: unknown): PlumbError {
  if (!(error instanceof EngineError)) return systemError('engine-failed', String(error), error);
  const code = error.code === 'timeout' || error.code === 'cancelled' ? error.code : 'engine-failed';
  return systemError(code, error.message, error);
}
