import { PlumbError, systemError, userError } from '@plumb/api';
import { EngineError } from '@plumb/engine';
import type { EngineErrorCode, HelmLookup, HelmTemplateRequest, HelmTemplateResult } from '@plumb/engine';
import { packChart } from '@plumb/testkit';
import type { ChartFiles } from '@plumb/testkit';
import { afterAll, describe, expect, test } from 'vitest';
import { testEngine } from '../testing/memory-artifact.ts';
import type { ReleaseOptions } from './release.ts';
import { objectsOf, releaseOptions, releaseSpec, renderChart } from './testing/render-chart.ts';
import { renderTemplates } from './template.ts';

const engine = testEngine();
afterAll(() => engine.close());

const chart = (files: ChartFiles): Uint8Array =>
  packChart({ 'Chart.yaml': 'apiVersion: v2\nname: web\nversion: 1.2.3\n', ...files });
const data = (template: string): ChartFiles => ({
  'templates/a.yaml': `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {value: ${template}}\n`,
});

async function valueOf(template: string, options: Partial<ReleaseOptions>): Promise<unknown> {
  const release = await renderChart(engine, chart(data(template)), { options });
  const values = objectsOf(release)['ConfigMap/apps/a']?.['data'] as Record<string, unknown> | undefined;
  return values?.['value'];
}

async function failure(work: Promise<unknown>): Promise<PlumbError> {
  const error: unknown = await work.catch((thrown: unknown) => thrown);
  if (!(error instanceof PlumbError)) throw new Error(`no PlumbError: ${String(error)}`);
  return error;
}

const named = ({ apiVersion, kind, namespace, name }: HelmLookup): string =>
  `${apiVersion}/${kind}/${namespace}/${name}`;

/** An engine that answers one call after another. */
function scripted(...answers: (HelmTemplateResult | Error)[]) {
  const requests: HelmTemplateRequest[] = [];
  const helmTemplate = async (request: HelmTemplateRequest): Promise<HelmTemplateResult> => {
    requests.push({ ...request, lookups: [...request.lookups] });
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer === undefined) throw new Error('nobody asked for this');
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { requests, helmTemplate };
}

const needs = (count: number, from = 0): HelmTemplateResult => ({
  needs: Array.from({ length: count }, (_, index) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    namespace: 'apps',
    name: `s${from + index}`,
  })),
});

describe('a lookup', () => {
  test('gives what is there, a list of it, or nothing', async () => {
    const asked: string[] = [];
    const lookup = async (need: HelmLookup): Promise<string | null> => {
      asked.push(named(need));
      if (need.name === '') return '{"apiVersion":"v1","kind":"List","items":[{"n":1},{"n":2}]}';
      return need.name === 'there' ? '{"data":{"x":"eA=="}}' : null;
    };
    expect(await valueOf('"{{ (lookup "v1" "Secret" "apps" "there").data.x | b64dec }}"', { lookup })).toBe('x');
    expect(await valueOf('"{{ len (lookup "v1" "Secret" "apps" "").items }}"', { lookup })).toBe('2');
    expect(await valueOf('"{{ empty (lookup "v1" "Secret" "apps" "gone") }}"', { lookup })).toBe('true');
    expect(asked).toEqual(['v1/Secret/apps/there', 'v1/Secret/apps/', 'v1/Secret/apps/gone']);
  });

  test('may depend on another', async () => {
    const lookup = async ({ name }: HelmLookup): Promise<string | null> => `{"next":"${name}x"}`;
    const next = (depth: number): string =>
      depth === 0 ? '"a"' : `(lookup "v1" "ConfigMap" "apps" ${next(depth - 1)}).next`;
    expect(await valueOf(`"{{ ${next(4)} }}"`, { lookup })).toBe('axxxx');
  });

  test('is asked for once', async () => {
    let calls = 0;
    const lookup = async (): Promise<string | null> => {
      calls += 1;
      return '{"a":"b"}';
    };
    const same = '(lookup "v1" "ConfigMap" "apps" "x").a';
    expect(
      await valueOf(`"{{ ${same} }}{{ ${same} }}{{ lookup "v1" "ConfigMap" "apps" "y" | len }}"`, { lookup }),
    ).toBe('bb1');
    expect(calls).toBe(2);
  });

  test('that fails fails the template that asks, with its code and the place', async () => {
    const lookup = async (): Promise<string | null> => {
      throw userError('api-forbidden', 'secrets "x" is forbidden');
    };
    const error = await failure(valueOf('"{{ (lookup "v1" "Secret" "apps" "x").data }}"', { lookup }));
    expect(error).toMatchObject({ code: 'api-forbidden', fault: 'user', policy: 'stall' });
    expect(error.message).toMatch(/^template: web\/templates\/a\.yaml:4:\d+: executing .*secrets "x" is forbidden$/);
  });

  test('that fails is nothing to a template that turns out not to ask', async () => {
    const lookup = async ({ name }: HelmLookup): Promise<string | null> => {
      if (name === 'first') return '{"found":true}';
      throw systemError('api-unavailable', 'no answer');
    };
    const template =
      '"{{ if (lookup "v1" "ConfigMap" "apps" "first").found }}yes{{ else }}{{ lookup "v1" "ConfigMap" "apps" "second" }}{{ end }}"';
    expect(await valueOf(template, { lookup })).toBe('yes');
  });

  test('is one of a thousand at most, a hundred at a time', async () => {
    let running = 0;
    let most = 0;
    const lookup = async (): Promise<string | null> => {
      most = Math.max(most, (running += 1));
      await Promise.resolve();
      running -= 1;
      return null;
    };
    const script = scripted(needs(600), needs(401, 600));
    const error = await failure(renderTemplates(script, new Uint8Array(), releaseSpec(), releaseOptions({ lookup })));
    expect(error.message).toBe('the chart looks up more than 1000 objects');
    expect(error.code).toBe('build-failed');
    expect(most).toBe(100);
    expect(script.requests.map(({ lookups }) => lookups.length)).toEqual([0, 600]);
  });

  test('may be the thousandth', async () => {
    const lookup = async (): Promise<string | null> => '{"a":"b"}';
    const all = '"{{ range until 1000 }}{{ (lookup "v1" "ConfigMap" "apps" (print .)).a }}{{ end }}"';
    expect(await valueOf(all, { lookup })).toBe('b'.repeat(1_000));
  });

  test('may follow from another ten times', async () => {
    const script = scripted(...Array.from({ length: 20 }, (_, index) => needs(1, index)));
    const error = await failure(renderTemplates(script, new Uint8Array(), releaseSpec(), releaseOptions()));
    expect(error.message).toBe(
      'the chart looks up what depends on other lookups, more than 10 times one after another',
    );
    expect(script.requests.length).toBe(11);
  });

  test('that never ends does so with the deadline, or when nobody wants it any more', async () => {
    const lookup = (): Promise<string | null> => new Promise(() => {});
    const run = (change: Partial<ReleaseOptions>): Promise<PlumbError> =>
      failure(
        renderTemplates(scripted(needs(1)), new Uint8Array(), releaseSpec(), releaseOptions({ lookup, ...change })),
      );
    expect(await run({ deadline: 20 })).toMatchObject({
      code: 'timeout',
      message: 'what the chart looks up was not found within 20ms',
    });
    const control = new AbortController();
    setTimeout(() => control.abort(), 10);
    expect(await run({ signal: control.signal })).toMatchObject({ code: 'cancelled' });
  });
});

test.each<[EngineErrorCode, Partial<PlumbError>]>([
  ['failed', { code: 'build-failed', fault: 'user', message: 'why not' }],
  ['timeout', { code: 'timeout', fault: 'system', message: 'the rendering of the chart did not end within 20s' }],
  ['cancelled', { code: 'cancelled', message: 'the rendering of the chart was cancelled' }],
  ['crashed', { code: 'engine-failed', fault: 'system', message: 'the rendering of the chart failed: why not' }],
])('a helper that says %s', async (code, expected) => {
  const script = scripted(new EngineError(code, 'why not'));
  const error = await failure(renderTemplates(script, new Uint8Array(), releaseSpec(), releaseOptions()));
  expect(error).toMatchObject(expected);
});
