import { createHash } from 'node:crypto';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { RecordedImage } from './recorded-images.ts';

/** Where set-up links what it built. */
const PROGRAM = join(import.meta.dirname, '../../../../build/registry');
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';

/** An image that was pushed. */
export interface PushedImage {
  /** Path in the registry. */
  path: string;
  digest: string;
  /** As objects name it: registry, path and digest. */
  name: string;
  /** Of the manifest, in bytes. */
  size: number;
}

export interface TestRegistryOptions {
  /** Whether it has the API for referrers. Default: it has. */
  referrers?: boolean;
  /** By default a free one. */
  port?: number;
}

/** The layers of a manifest, with what tells about each. */
export interface Layer {
  mediaType: string;
  content: Buffer;
  annotations?: Readonly<Record<string, string>>;
}

/** A real registry on loopback, with nothing in it. */
export class TestRegistry {
  /** Host and port. */
  readonly host: string;
  readonly #process: ChildProcess;
  /** Layers of the manifests with a tag, by path and tag: cosign adds to them. */
  readonly #tagged = new Map<string, object[]>();
  readonly #referrers: boolean;
  /** What refers to a manifest, where the registry does not tell: clients keep a list under a tag then. */
  readonly #referring = new Map<string, object[]>();

  private constructor(host: string, child: ChildProcess, referrers: boolean) {
    this.host = host;
    this.#process = child;
    this.#referrers = referrers;
  }

  static async start({ referrers = true, port = 0 }: TestRegistryOptions = {}): Promise<TestRegistry> {
    const args = [`-referrers=${referrers}`, `-port=${port}`];
    const child = spawn(PROGRAM, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout });
    const [line] = (await Promise.race([
      once(lines, 'line'),
      once(child, 'exit').then(() => Promise.reject(new Error('the registry did not start'))),
    ])) as [string];
    return new TestRegistry(`127.0.0.1:${line}`, child, referrers);
  }

  get port(): number {
    return Number(this.host.split(':')[1]);
  }

  /** Pushes an image that is like no other. */
  async image(path: string, tag = 'latest'): Promise<PushedImage> {
    const content = Buffer.from(`layer ${crypto.randomUUID()}`);
    const layers = [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', content }];
    const { digest, size } = await this.manifest(path, {
      layers,
      config: 'application/vnd.oci.image.config.v1+json',
      tag,
    });
    return { path, digest, name: `${this.host}/${path}@${digest}`, size };
  }

  /** Pushes a manifest, under its digest and maybe a tag. */
  async manifest(
    path: string,
    {
      layers,
      config,
      tag,
      ...more
    }: { layers: readonly Layer[]; config: string; tag?: string; [field: string]: unknown },
  ): Promise<{ digest: string; size: number }> {
    const described = await Promise.all(layers.map((layer) => this.#layer(path, layer)));
    const fields = { config: await this.#blob(path, config, Buffer.from('{}')), layers: described, ...more };
    const put = await this.#put(path, fields, tag);
    const subject = more['subject'] as { digest: string } | undefined;
    if (subject !== undefined && !this.#referrers)
      await this.#list(path, subject.digest, { mediaType: MANIFEST, ...put, ...more });
    return put;
  }

  async #list(path: string, digest: string, { subject: _, ...descriptor }: Record<string, unknown>): Promise<void> {
    const manifests = [...(this.#referring.get(digest) ?? []), descriptor];
    this.#referring.set(digest, manifests);
    const index = { schemaVersion: 2, mediaType: INDEX, manifests };
    await this.#send('PUT', `${path}/manifests/${digest.replace(':', '-')}`, INDEX, Buffer.from(JSON.stringify(index)));
  }

  /** Adds a layer to the manifest under a tag, as older versions of cosign do. */
  async add(path: string, tag: string, layer: Layer): Promise<void> {
    const key = `${path} ${tag}`;
    const layers = [...(this.#tagged.get(key) ?? []), await this.#layer(path, layer)];
    this.#tagged.set(key, layers);
    const config = await this.#blob(path, 'application/vnd.oci.image.config.v1+json', Buffer.from('{}'));
    await this.#put(path, { config, layers }, tag);
  }

  /** A manifest that is named by its digest, by the one that it has now. */
  static byDigest<Manifest extends { content: string }>(manifest: Manifest): Manifest & { reference: string } {
    return { ...manifest, reference: digestOf(Buffer.from(manifest.content)) };
  }

  /** Pushes what was recorded, as it is: what is in a digest counts. */
  async pushRecorded(path: string, { blobs, manifests }: Pick<RecordedImage, 'blobs' | 'manifests'>): Promise<void> {
    for (const blob of blobs) await this.#blob(path, '', Buffer.from(blob));
    for (const { reference, type, content } of manifests)
      await this.#send('PUT', `${path}/manifests/${reference}`, type, Buffer.from(content));
  }

  async close(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const ended = once(this.#process, 'exit');
    this.#process.stdin?.end();
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #put(path: string, fields: object, tag: string | undefined): Promise<{ digest: string; size: number }> {
    const body = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, ...fields }));
    const digest = digestOf(body);
    for (const reference of tag === undefined ? [digest] : [digest, tag]) {
      await this.#send('PUT', `${path}/manifests/${reference}`, MANIFEST, body);
    }
    return { digest, size: body.length };
  }

  async #layer(path: string, { mediaType, content, annotations }: Layer): Promise<object> {
    return { ...(await this.#blob(path, mediaType, content)), ...(annotations && { annotations }) };
  }

  async #blob(path: string, mediaType: string, content: Buffer): Promise<object> {
    const digest = digestOf(content);
    await this.#send('POST', `${path}/blobs/uploads/?digest=${digest}`, 'application/octet-stream', content);
    return { mediaType, digest, size: content.length };
  }

  async #send(method: string, path: string, type: string, body: Buffer): Promise<void> {
    const headers = { 'content-type': type };
    const answer = await fetch(`http://${this.host}/v2/${path}`, { method, headers, body: new Uint8Array(body) });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  }
}

function digestOf(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}
