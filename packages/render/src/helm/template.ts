import { asPlumbError, formatDuration, reworded, systemError, unlessAborted } from '@plumb/api';
import type { PlumbError } from '@plumb/api';
import { EngineError } from '@plumb/engine';
import type { Engine, HelmLookup, HelmLookupAnswer, HelmRendered, HelmTemplateRequest } from '@plumb/engine';
import { chartError } from '../errors.ts';
import { withoutSecrets } from '../mask.ts';
import type { ReleaseOptions, ReleaseSpec } from './release.ts';

/** How often one chart may ask for what depends on what it asked for before. */
const mostRounds = 10;
const mostLookups = 1_000;
/** How many are asked of the API server at once. */
const atOnce = 100;

/**
 * Renders a chart's templates; what they look up is asked for, and then they are rendered again.
 * @throws PlumbError `build-failed` in Helm's words, `timeout`, `cancelled`, `engine-failed`, and what a lookup failed with
 */
export async function renderTemplates(
  engine: Pick<Engine, 'helmTemplate'>,
  chart: Uint8Array,
  spec: ReleaseSpec,
  options: ReleaseOptions,
): Promise<HelmRendered> {
  const until = performance.now() + options.deadline;
  const lookups = new Lookups(options);
  const request = requestOf(chart, spec, options);
  for (let round = 0; round <= mostRounds; round += 1) {
    const deadline = Math.max(1, Math.ceil(until - performance.now()));
    const call = engine.helmTemplate({ ...request, lookups: lookups.answers, deadline });
    const result = await call.catch((error: unknown) => {
      throw lookups.explained(error);
    });
    if (!('needs' in result)) return result;
    await lookups.ask(result.needs, until);
  }
  throw chartError(`the chart looks up what depends on other lookups, more than ${mostRounds} times one after another`);
}

function requestOf(
  chart: Uint8Array,
  { values, reuse, chartVersion, release, skipSchemaValidation }: ReleaseSpec,
  { kubeVersion, apiVersions, tenant = '', signal }: ReleaseOptions,
): Omit<HelmTemplateRequest, 'lookups' | 'deadline'> {
  return {
    chart,
    values,
    reuse,
    chartVersion,
    release,
    kubeVersion,
    apiVersions,
    skipSchemaValidation,
    tenant,
    signal,
  };
}

/** What was asked for so far. */
class Lookups {
  readonly answers: HelmLookupAnswer[] = [];
  readonly #options: ReleaseOptions;
  readonly #failures: PlumbError[] = [];

  constructor(options: ReleaseOptions) {
    this.#options = options;
  }

  get #within(): string {
    return formatDuration(this.#options.deadline);
  }

  async ask(needs: readonly HelmLookup[], until: number): Promise<void> {
    if (this.answers.length + needs.length > mostLookups)
      throw chartError(`the chart looks up more than ${mostLookups} objects`);
    const { signal } = this.#options;
    const time = AbortSignal.timeout(Math.max(1, Math.ceil(until - performance.now())));
    const end = signal === undefined ? time : AbortSignal.any([signal, time]);
    const failure = (reason: unknown): unknown =>
      signal?.aborted === true
        ? systemError('cancelled', 'the rendering of the chart was cancelled', reason)
        : systemError('timeout', `what the chart looks up was not found within ${this.#within}`);
    for (let at = 0; at < needs.length; at += atOnce) {
      const asked = needs.slice(at, at + atOnce).map((need) => this.#answer(need));
      this.answers.push(...(await unlessAborted(Promise.all(asked), end, failure)));
    }
  }

  async #answer(need: HelmLookup): Promise<HelmLookupAnswer> {
    try {
      return { ...need, json: await this.#options.lookup(need) };
    } catch (error) {
      // Only the template knows whether it needs the object: it may ask on the way for what it does not use.
      const failure = asPlumbError(error);
      this.#failures.push(failure);
      return { ...need, error: failure.message };
    }
  }

  /** What a call failed with; where a lookup is to blame, that decides whether trying again may help. */
  explained(error: unknown): unknown {
    if (!(error instanceof EngineError)) return error;
    switch (error.code) {
      case 'failed': {
        const failure = this.#failures.find(({ message }) => error.message.includes(message));
        const refusal = chartError(withoutSecrets(error.message, this.#options.secrets));
        return failure === undefined ? refusal : reworded(failure, refusal.message);
      }
      case 'timeout':
        return systemError('timeout', `the rendering of the chart did not end within ${this.#within}`, error);
      case 'cancelled':
        return systemError('cancelled', 'the rendering of the chart was cancelled', error);
      default:
        return systemError('engine-failed', `the rendering of the chart failed: ${error.message}`, error);
    }
  }
}
