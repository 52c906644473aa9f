import { Buffer } from 'node:buffer';
import { parseDocuments, isObject } from '../yaml/documents.ts';
import type { Files } from './memory-artifact.ts';

/**
 * A case of the comparison with upstream. Many stand in one text:
 *
 *     # a comment, then files that every case of this text has
 *     -- app/a.yaml --
 *     ...
 *     === what the first case shows
 *     spec: {namePrefix: x-}        the head, in YAML: spec, refused, differs, objects
 *     -- app/kustomization.yaml --
 *     ...
 *     -- app/link -> ../shared/b.yaml --
 *     -- app/key.bin (base64) --
 *     AAEC
 *     -- upstream: app/kustomization.yaml --
 *     what stands there for upstream; by its rules, written by hand
 */
export interface Case {
  name: string;
  files: Files;
  /** Files that upstream finds instead of, or beside, those. */
  upstream: Files;
  /** The part of BuildSpec that is not the default. */
  spec: Record<string, unknown>;
  /** Where both refuse to build: what our message says, a regular expression. */
  refused?: string;
  /** The same where only we refuse; docs/decisions says why. */
  differs?: string;
  /** How many objects upstream gives, where that matters; by default at least one. */
  objects?: number;
}

const headLine = /^-- (upstream: )?(.+?)(?: -> (.+)| \((base64)\))? --$/;

/** Reads the cases of one text. Names of files are kept as they are; a later file of one name takes the place of an earlier. */
export function parseCases(text: string): Case[] {
  const [common = '', ...parts] = text.split(/^=== /m);
  const shared = parseFiles(common.split('\n'));
  return parts.map((part) => {
    const [name = '', ...lines] = part.split('\n');
    const start = lines.findIndex((line) => headLine.test(line));
    const head = parseHead(lines.slice(0, start < 0 ? lines.length : start).join('\n'));
    const own = parseFiles(start < 0 ? [] : lines.slice(start));
    return {
      name,
      spec: {},
      ...head,
      files: { ...shared.files, ...own.files },
      upstream: { ...shared.upstream, ...own.upstream },
    };
  });
}

function parseHead(text: string): Partial<Case> {
  const value = parseDocuments('head', Buffer.from(text))[0]?.value ?? {};
  const unknown = Object.keys(value ?? {}).filter((key) => !['spec', 'refused', 'differs', 'objects'].includes(key));
  if (!isObject(value) || unknown.length > 0) throw new Error(`a case has the head ${text}`);
  return value;
}

function parseFiles(lines: readonly string[]): { files: Files; upstream: Files } {
  const found: { files: Files; upstream: Files } = { files: {}, upstream: {} };
  let end = (): void => {};
  let body: string[] = [];
  for (const line of lines) {
    const [, upstream, path = '', link, base64] = headLine.exec(line) ?? [];
    if (path === '') {
      body.push(line);
      continue;
    }
    end();
    body = [];
    const own = body;
    const to = upstream === undefined ? found.files : found.upstream;
    end = () => {
      const text = own.length === 0 ? '' : `${own.join('\n').replace(/\n+$/, '')}\n`;
      if (link !== undefined) to[path] = { link };
      else if (base64 === undefined) to[path] = text === '\n' ? '' : text;
      else to[path] = Buffer.from(text, 'base64');
    };
  }
  end();
  return found;
}
