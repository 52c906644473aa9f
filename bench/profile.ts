import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What V8 writes at the end of a process under `--cpu-prof`. Times in microseconds. */
interface Profile {
  nodes: readonly { id: number; callFrame: { functionName: string; url: string } }[];
  samples: readonly number[];
  timeDeltas: readonly number[];
}

/** Seconds by where they were spent, the most first: a room of ours, a part of Node, or what the engine did for itself. */
export async function secondsByPlace(dir: string): Promise<[place: string, seconds: number][]> {
  const [file] = (await readdir(dir)).filter((name) => name.endsWith('.cpuprofile'));
  if (file === undefined) throw new Error(`no profile was written to ${dir}`);
  const { nodes, samples, timeDeltas } = JSON.parse(await readFile(join(dir, file), 'utf8')) as Profile;
  const places = new Map(nodes.map(({ id, callFrame }) => [id, placeOf(callFrame)]));
  const seconds = new Map<string, number>();
  for (const [index, id] of samples.entries()) {
    const place = places.get(id) ?? 'unknown';
    seconds.set(place, (seconds.get(place) ?? 0) + (timeDeltas[index] ?? 0) / 1e6);
  }
  seconds.delete('(idle)');
  return [...seconds].sort(([, a], [, b]) => b - a);
}

function placeOf({ functionName, url }: { functionName: string; url: string }): string {
  const room = /\/packages\/([\w-]+)\/src\/(?:([\w-]+)\/)?/.exec(url);
  if (room !== null) return room[2] === undefined ? `packages/${room[1]}` : `packages/${room[1]}/${room[2]}`;
  const library = /\/node_modules\/((?:@[\w.-]+\/)?[\w.-]+)\//.exec(url);
  if (library !== null) return library[1] ?? url;
  if (url.startsWith('node:internal/')) return `node ${url.slice('node:internal/'.length).split('/', 1)[0] ?? ''}`;
  if (url.startsWith('node:')) return url;
  // Node strips the types of what it loads in WebAssembly.
  if (/^(?:wasm|js)-|wasm/.test(functionName)) return 'loading TypeScript';
  // Built-in functions have no file: JSON, hashing, system calls.
  return functionName === '' ? '(anonymous native code)' : functionName;
}
