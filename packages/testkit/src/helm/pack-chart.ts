import { gzipSync } from 'node:zlib';

/** A chart's files by their paths in the chart: `Chart.yaml`, `templates/deployment.yaml`. A Uint8Array is an archive within it, or bytes that are no text. */
export type ChartFiles = Readonly<Record<string, string | Uint8Array>>;

/** One entry of a tar archive, written as it is, however wrong. */
export interface TarEntry {
  name: string;
  content?: string | Uint8Array;
  /** The type flag of ustar: '0' a file, '1' a hard link, '2' a symlink, '5' a folder. */
  type?: string;
  linkName?: string;
  /** What the header says of the size; by default what it is. */
  size?: number;
}

const BLOCK = 512;

/** The archive that `helm package` makes of the files: all of them in a folder of the chart's name. Same files, same bytes. */
export function packChart(files: ChartFiles, folder = 'chart'): Uint8Array {
  return tarball(Object.entries(files).map(([path, content]) => ({ name: `${folder}/${path}`, content })));
}

export const CHART_YAML = 'apiVersion: v2\nname: web\nversion: 1.2.3\n';

/** The archive of a chart `web`, or what a Chart.yaml among the files says. */
export function chartOf(files: ChartFiles): Uint8Array {
  return packChart({ 'Chart.yaml': CHART_YAML, ...files });
}

/** A gzip-compressed tar archive of these entries in their order. */
export function tarball(entries: readonly TarEntry[]): Uint8Array {
  const blocks = entries.flatMap(({ content = '', ...entry }) => {
    const body = Buffer.from(content);
    const padding = Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK);
    return [header(entry, body.length), body, padding];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]));
}

/** The header of ustar (POSIX.1-1988). */
function header({ name, type = '0', linkName = '', size }: Omit<TarEntry, 'content'>, actual: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, width: number): string => value.toString(8).padStart(width - 1, '0');
  const [short, prefix] = split(name);
  block.write(short, 0);
  block.write(octal(0o644, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(size ?? actual, 12), 124);
  block.write(octal(0, 12), 136);
  block.write(' '.repeat(8), 148);
  block.write(type, 156);
  block.write(linkName, 157);
  block.write('ustar\u000000', 257);
  block.write(prefix, 345);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 7)}\u0000 `, 148);
  return block;
}

/** Names of more than 100 bytes are cut at a slash in two. */
function split(name: string): [string, string] {
  if (Buffer.byteLength(name) <= 100) return [name, ''];
  const at = name.indexOf('/', name.length - 101);
  return [name.slice(at + 1), name.slice(0, at)];
}
