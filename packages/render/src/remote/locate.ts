import { PlumbError } from '@plumb/api';
import { declaredIn } from '../declared.ts';
import { buildError, shown } from '../errors.ts';
import { join, within } from '../paths.ts';
import { named, shownAddress, type Reference } from '../references.ts';
import type { Found } from '../tree-view.ts';
import { parseDocuments } from '../yaml/documents.ts';
import {
  credentialsFlaw,
  hasCredentials,
  isClearlyRepository,
  mayBePath,
  remoteEntry,
  repositoryFlaw,
} from './entry.ts';
import type { RemoteEntry } from './entry.ts';
import { fetchError } from './fetch.ts';
import { parseRepository, type Repository } from './repository.ts';
import { placed, type Place, type Provenance, type Site, type Sites } from './sites.ts';

/** The kustomization that holds an entry. */
export interface From extends Place {
  /** For messages. */
  path: string;
}

/** What an entry stands for. */
export type Located =
  | { type: 'directory'; place: Place }
  | { type: 'file'; site: Site; found: Found }
  /** `path`: where it stands in what the helper is given. */
  | { type: 'fetched'; path: string; content: Uint8Array };

/** Finds what an entry names, here or elsewhere. @throws PlumbError `build-failed` */
export async function locate(sites: Sites, reference: Reference, from: From): Promise<Located> {
  const { entry, value } = reference;
  const { site, dir, path } = from;
  const resolve = (): Promise<Found | null> => site.view.resolve(dir.path, value, `${path}: ${entry}`);
  const remote = remoteEntry(reference, path);
  const isHere = remote === null || (mayBePath(value) && (await resolve())?.type === 'file');
  if (!isHere) return elsewhere(sites, remote, { reference, from });
  const found = await resolve();
  if (found === null) throw buildError(path, `${named(reference)} does not exist`);
  if (found.type === 'directory') return { type: 'directory', place: { site, dir: found } };
  // As in kustomize: what is fetched from elsewhere keeps to its own folder.
  if (site.isConfined && !within(found.path, dir.path)) {
    const words = `is a file outside of the folder that names it: a remote base may only use files in or below its own`;
    throw buildError(path, `${named(reference)} ${words}`);
  }
  return { type: 'file', site, found };
}

interface Asked {
  reference: Reference;
  from: From;
}

async function elsewhere(sites: Sites, { file, repository }: RemoteEntry, asked: Asked): Promise<Located> {
  const { reference, from } = asked;
  const refuse = refusal(asked);
  if (sites.fetch === null)
    throw refuse(
      'is remote, and remote bases are off (--no-remote-bases): copy it into the repository or give it a source of its own',
    );
  const base = mayBeFolder(reference) ? repository : null;
  const fetched =
    file === null || !mayBeFile(file, base, { sites, reference }) ? null : await fetchFile(sites, file, asked);
  if (fetched !== null && typeof fetched !== 'string') {
    const provenance = provenanceOf(file ?? '', { sites, from });
    const found = { url: file ?? '', ...fetched };
    return { type: 'fetched', path: sites.file(found, provenance, from.path), content: found.content };
  }
  if (base === null) {
    throw refuse(
      fetched ??
        (mayBeFolder(reference) ? UNSERVED : 'is no file: name it by the http or https address of the file itself'),
    );
  }
  return { type: 'directory', place: await folderOf(sites, base, { ...asked, noFile: fetched }) };
}

const UNSERVED = 'is remote, and not in a form that is served: name it by https';

function refusal({ reference, from }: Asked): (what: string) => Error {
  return (what) => buildError(from.path, `${named(reference)} ${what}`);
}

function mayBeFolder({ kind }: Reference): boolean {
  return kind === 'resource' || kind === 'component' || kind === 'plugin';
}

/** Whether an address is to be asked for a file first, as kustomize does with all but components. */
function mayBeFile(
  file: string,
  base: Repository | null,
  { sites, reference }: { sites: Sites; reference: Reference },
): boolean {
  if (reference.kind === 'component') return false;
  if (base === null) return true;
  return !isClearlyRepository(file) && !hasCredentials(file) && !sites.wasRepository(base);
}

/** @returns a text that says why it is no file */
async function fetchFile(
  sites: Sites,
  file: string,
  asked: Asked,
): Promise<{ digest: string; content: Uint8Array } | string> {
  const { reference, from } = asked;
  if (hasCredentials(file)) throw refusal(asked)(credentialsFlaw);
  const found = await sites.fetch?.file(file).catch((error: unknown) => {
    // The server is there and gives no such file: it may still be a repository.
    if (error instanceof PlumbError && error.code === 'source-failed' && error.fault === 'user') return error.message;
    throw fetchError(placeOf(reference, from), error);
  });
  if (found === undefined || typeof found === 'string') return found ?? '';
  if ('status' in found) return `could not be fetched: HTTP status ${found.status}`;
  const flaw = flawOf(found.content, reference, file);
  return flaw ?? found;
}

/** Why something cannot be what the entry asks for: servers answer with a page where there is a repository. */
function flawOf(content: Uint8Array, { kind }: Reference, file: string): string | null {
  if (kind !== 'resource' && kind !== 'plugin') return null;
  try {
    declaredIn(shownAddress(file), parseDocuments(shownAddress(file), content));
    return null;
  } catch (error) {
    return `does not give objects: ${error instanceof Error ? error.message : String(error)}`;
  }
}

async function folderOf(
  sites: Sites,
  repository: Repository,
  { reference, from, noFile }: Asked & { noFile: string | null },
): Promise<Place> {
  const refuse = refusal({ reference, from });
  const flaw = repositoryFlaw(repository);
  if (flaw !== null) throw refuse(flaw);
  const place = placeOf(reference, from);
  const asking = noFile === null ? place : `${place} ${noFile}; as a repository`;
  const site = await sites.repository(repository, { place: from.path, asking });
  const dir = await site.view.resolve('', repository.path, place);
  if (dir === null) throw refuse(`does not exist: there is no folder ${shown(repository.path)} in the repository`);
  if (dir.type === 'file')
    throw refuse(
      'is a file of a repository, a base is a folder: name it by the http or https address of the file itself',
    );
  return { site, dir };
}

function placeOf(reference: Reference, from: From): string {
  return `${from.path}: ${named(reference)}`;
}

/** kustomize takes every address apart as that of a repository; where it cannot, the address stands for a path. */
function provenanceOf(file: string, { sites, from }: { sites: Sites; from: Place }): Provenance {
  const repository = parseRepository(file);
  if (repository !== null) return { repo: repository.url, ref: repository.ref, path: repository.path };
  const folder = placed(from.site, from.dir.path);
  const around = sites.provenance(folder);
  const path = join(around === null ? folder : around.path, file.replaceAll(/\/{2,}/g, '/'));
  return { repo: around?.repo ?? '', ref: around?.ref ?? '', path };
}
