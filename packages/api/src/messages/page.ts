import { gitRepositoryMessages } from './git-repository.ts';
import { helmReleaseMessages } from './helm-release.ts';
import { kustomizationMessages } from './kustomization.ts';
import type { Channel, Level } from './message.ts';
import { ownMessages } from './own.ts';
import type { Reason } from '../reasons.ts';

/** A registry entry as a page shows it. */
export interface MessageRow {
  id: string;
  level: Level;
  reason: Reason;
  channels: readonly Channel[];
  /** Names of the payload's fields. */
  payload: readonly string[];
  /** The text for the entry's own example. */
  text: string;
}

interface Listed {
  id: string;
  level: Level;
  reason: Reason;
  channels: readonly Channel[];
  example: object;
  text: (payload: never) => string;
}

function row(entry: Listed): MessageRow {
  const { id, level, reason, channels, example } = entry;
  return { id, level, reason, channels, payload: Object.keys(example), text: entry.text(example as never) };
}

const GROUPS = [
  { title: 'GitRepository', entries: gitRepositoryMessages },
  { title: 'Kustomization', entries: kustomizationMessages },
  { title: 'HelmRelease', entries: helmReleaseMessages },
  { title: 'Not in Flux', entries: ownMessages },
] as const;

/** Every registered message, in the page's order. */
export function messageRows(): { title: string; rows: MessageRow[] }[] {
  return GROUPS.map(({ title, entries }) => ({ title, rows: Object.values<Listed>(entries).map(row) }));
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', '<br>');
}

function table(rows: readonly MessageRow[]): string {
  const lines = rows.map((entry) =>
    [
      `\`${entry.id}\``,
      entry.level,
      entry.reason,
      entry.channels.join(', '),
      entry.payload.join(', '),
      cell(entry.text),
    ].join(' | '),
  );
  return [
    '| id | level | reason | given as | payload | example |',
    '|---|---|---|---|---|---|',
    ...lines.map((line) => `| ${line} |`),
  ].join('\n');
}

/** The reference page of all messages, as Markdown. */
export function messagesPage(): string {
  const intro = [
    '# Messages',
    '',
    'Everything the agent says of an object: in conditions, in Events, and in the lines of its log that name the object.',
    'An id never changes its meaning. Level `error` makes a Warning Event, the others a Normal one. This page is',
    'generated from the registry.',
  ];
  const sections = messageRows().flatMap(({ title, rows }) => ['', `## ${title}`, '', table(rows)]);
  return [...intro, ...sections, ''].join('\n');
}
