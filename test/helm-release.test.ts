import { afterAll, beforeAll, expect, test } from 'vitest';
import { Releases } from './support/releases.ts';

let releases: Releases;
beforeAll(async () => {
  releases = await Releases.start();
});
afterAll(async () => {
  await releases.close();
});

const settings = (text = '{{ .Values.colour }}'): Record<string, string> => ({
  'values.yaml': 'colour: green\n',
  'templates/settings.yaml': `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-settings\ndata:\n  colour: ${text}\n`,
});

test('a chart is installed, and upgraded when its values change', async () => {
  await releases.chart('cart', settings());
  await releases.release('cart');
  const { status } = await releases.ready('cart');
  expect(status?.history?.map(({ version, status: state, action }) => [version, state, action])).toEqual([
    [1, 'deployed', 'install'],
  ]);
  await releases.release('cart', { values: { colour: 'red' } });
  const upgraded = await releases.ready('cart');
  expect(upgraded.status?.history?.map(({ version, status: state }) => [version, state])).toEqual([
    [2, 'deployed'],
    [1, 'superseded'],
  ]);
  expect((await releases.object('ConfigMap', 'cart-settings'))?.['data']).toEqual({ colour: 'red' });
  expect(await releases.problems()).toEqual([]);
});
