import { asPlumbError, printJson } from '@plumb/api';
import type { Dependable, Dependency } from '@plumb/core';
import { dependenciesOf, expressionsOf, healthExpressionsFlaw, readyExpressionsFlaw } from '@plumb/core';
import type { ExpressionResult } from '@plumb/core';
import type { CelMode } from '@plumb/engine';
import type { Expressions } from './expressions.ts';
import { OF_HEALTH, OF_READINESS } from './expressions.ts';

/** Where the objects stand that expressions are evaluated over. */
export interface ExpressionEyes {
  expressions: Expressions;
  /** By the ids of dependencies. */
  find(id: string): Dependable | undefined;
  /** Names what `find` gives: another text whenever that is other. */
  version(id: string): string;
  signal: AbortSignal;
}

interface Evaluated {
  version: string;
  result: ExpressionResult;
}

/**
 * What the expressions in one unit's spec say: whether they can be used at all, and of each dependency with a readyExpr whether it is
 * ready. Nothing is asked twice: the expressions are checked once, and evaluated once for each version of the unit and of the dependency.
 */
export class SpecExpressions {
  /** What is wrong with the spec's expressions, in Flux's words. */
  flaw: string | null = null;
  /** Why the engine gave no answer. */
  trouble: string | null = null;
  #checked = '';
  #judged: ReadonlySet<string> = new Set();
  #ready = new Map<string, Evaluated>();

  /** What a dependency's readyExpr gave; undefined where there is nothing to evaluate it over. */
  result(dependency: Dependency): ExpressionResult | undefined {
    return this.#ready.get(nameOf(dependency))?.result;
  }

  /** Whether a readyExpr judges this dependency, there or not. */
  judges(id: string): boolean {
    return this.#judged.has(id);
  }

  /** Brings everything up to date. @throws only when the signal aborts */
  async refresh(unit: Dependable, ownVersion: string, eyes: ExpressionEyes): Promise<void> {
    this.#judged = new Set(dependenciesOf(unit).flatMap(({ id, readyExpr }) => (readyExpr === '' ? [] : [id])));
    try {
      await this.#check(unit, eyes);
      if (this.flaw === null) await this.#evaluate(unit, ownVersion, eyes);
      this.trouble = null;
    } catch (error) {
      eyes.signal.throwIfAborted();
      this.trouble = asPlumbError(error).message;
    }
  }

  async #check({ spec, metadata }: Dependable, { expressions, signal }: ExpressionEyes): Promise<void> {
    const { healthCheckExprs: entries = [], dependsOn = [] } = spec;
    const ofHealth = entries.flatMap(expressionsOf);
    const ofReadiness = dependsOn.flatMap(({ readyExpr }) => readyExpr || []);
    const text = printJson([entries, dependsOn]);
    if (text === this.#checked) return;
    const errorsOf = async (mode: CelMode, texts: readonly string[]): Promise<Map<string, string | null>> => {
      const errors = await expressions.check(mode, texts, { tenant: metadata.namespace ?? '', signal });
      return new Map(texts.map((one, index) => [one, errors[index] ?? null]));
    };
    const health = await errorsOf(OF_HEALTH, ofHealth);
    const readiness = await errorsOf(OF_READINESS, ofReadiness);
    this.flaw =
      healthExpressionsFlaw(entries, (one) => health.get(one) ?? null) ??
      readyExpressionsFlaw(dependsOn, (one) => readiness.get(one) ?? null);
    this.#checked = text;
  }

  async #evaluate(unit: Dependable, ownVersion: string, eyes: ExpressionEyes): Promise<void> {
    const next = new Map<string, Evaluated>();
    const open: { dependency: Dependency; version: string; found: Dependable }[] = [];
    for (const dependency of dependenciesOf(unit)) {
      const found = dependency.readyExpr === '' ? undefined : eyes.find(dependency.id);
      if (found === undefined) continue;
      const version = `${ownVersion} ${eyes.version(dependency.id)}`;
      const known = this.#ready.get(nameOf(dependency));
      if (known?.version === version) next.set(nameOf(dependency), known);
      else open.push({ dependency, version, found });
    }
    this.#ready = next;
    if (open.length === 0) return;
    const self = textOf(unit);
    const inputs = open.map(({ found }, expression) => ({
      expression,
      json: `{"self":${self},"dep":${textOf(seenFrom(unit, found))}}`,
    }));
    const texts = open.map(({ dependency }) => dependency.readyExpr);
    const asker = { tenant: unit.metadata.namespace ?? '', signal: eyes.signal };
    const results = await eyes.expressions.evaluate(OF_READINESS, { expressions: texts, inputs }, asker);
    for (const [index, { dependency, version }] of open.entries()) {
      const result = results[index];
      if (result !== undefined) next.set(nameOf(dependency), { version, result });
    }
  }
}

function nameOf({ id, readyExpr }: Dependency): string {
  return `${id} ${readyExpr}`;
}

/** A release's values may hold secrets: they are not to be asked for from another namespace. */
function seenFrom({ metadata }: Dependable, found: Dependable): Dependable {
  if (found.kind !== 'HelmRelease' || found.metadata.namespace === metadata.namespace) return found;
  const { values: _hidden, ...spec } = found.spec;
  return { ...found, spec };
}

/** The API server gives every such object a status; one that has none yet is not to fail an expression for that. */
function textOf(object: Dependable): string {
  return printJson({ status: {}, ...object });
}
