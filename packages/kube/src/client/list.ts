import { apiVersionOf, PlumbError, type Json, type JsonObject, type KubeObject } from '@plumb/api';
import type { ListOptions, ListResult, ResourceInfo } from '../cluster.ts';
import { TooLargeError } from '../transport/body.ts';
import { isGone, type Caller } from './caller.ts';
import { malformed, type Subject } from './failure.ts';
import { collectionPath, withQuery } from './paths.ts';

const PAGE_SIZE = 500;
/** Asks for `PartialObjectMetadataList` in place of the kind's own list: metadata and nothing else. */
const METADATA_ONLY = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
/** How often a list starts over because its pages expired under it. */
const RESTARTS = 3;

/** Reads a list page by page. All pages show one state: when the server can no longer serve it (410), the list starts over. */
export async function listAll(caller: Caller, info: ResourceInfo, options: ListOptions): Promise<ListResult> {
  const subject = { what: `list ${info.resource}`, secret: info.group === '' && info.kind === 'Secret', names: [] };
  for (let left = RESTARTS; ; left--) {
    const pages = new Pages(caller, info, options, subject);
    try {
      return await pages.read();
    } catch (error) {
      if (!isGone(error) || !pages.begun || left === 0) throw error;
    }
  }
}

class Pages {
  begun = false;
  readonly #caller: Caller;
  readonly #info: ResourceInfo;
  readonly #options: ListOptions;
  readonly #subject: Subject;
  #limit: number;

  constructor(caller: Caller, info: ResourceInfo, options: ListOptions, subject: Subject) {
    this.#caller = caller;
    this.#info = info;
    this.#options = options;
    this.#subject = subject;
    this.#limit = options.limit ?? PAGE_SIZE;
  }

  async read(): Promise<ListResult> {
    const items: KubeObject[] = [];
    let next: string | undefined;
    for (;;) {
      const page = await this.#page(next);
      const metadata = page['metadata'] as JsonObject | undefined;
      const version = metadata?.['resourceVersion'];
      // A list of nothing but metadata has null for none.
      const found = page['items'] === null ? [] : page['items'];
      if (!Array.isArray(found) || typeof version !== 'string') throw malformed(this.#subject, 'is not a list');
      for (const item of found) items.push(completeItem(item, this.#info));
      next =
        typeof metadata?.['continue'] === 'string' && metadata['continue'] !== '' ? metadata['continue'] : undefined;
      if (next === undefined) return { resourceVersion: version, items };
      this.begun = true;
    }
  }

  /** A page of very large objects is asked for again in smaller ones. */
  async #page(next: string | undefined): Promise<JsonObject> {
    for (;;) {
      try {
        return await this.#pageOf(this.#limit, next);
      } catch (error) {
        const tooLarge = error instanceof PlumbError && error.cause instanceof TooLargeError;
        if (!tooLarge || this.#limit <= 1) throw error;
        this.#limit = Math.ceil(this.#limit / 4);
      }
    }
  }

  #pageOf(limit: number, next: string | undefined): Promise<JsonObject> {
    const { namespace, labelSelector, fieldSelector, resourceVersion, signal } = this.#options;
    const path = withQuery(collectionPath(this.#info, namespace), {
      labelSelector,
      fieldSelector,
      limit,
      resourceVersion: next === undefined ? resourceVersion : undefined,
      continue: next,
    });
    return this.#caller.json({
      verb: 'list',
      resource: this.#info.resource,
      method: 'GET',
      path,
      ...(this.#options.metadataOnly === true ? { accept: METADATA_ONLY } : {}),
      subject: this.#subject,
      signal,
    });
  }
}

/** The items of a typed list do not repeat their apiVersion and kind. */
function completeItem(item: Json, info: ResourceInfo): KubeObject {
  const object = item as JsonObject & KubeObject;
  if (typeof object.kind === 'string' && typeof object.apiVersion === 'string') return object;
  return { ...object, apiVersion: apiVersionOf(info), kind: info.kind };
}
