import { commands } from './commands.ts';

/** The reference page of all commands and options, as Markdown; made from the same tables as the help. */
export async function optionsPage(): Promise<string> {
  const sections: string[] = [];
  for (const { name, summary, load } of commands) {
    const { options } = await load();
    sections.push('', `## plumb ${name}`, '', `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`);
    const specs = Object.values(options);
    if (specs.length === 0) continue;
    sections.push('', '| option | environment | default | what it does |', '|---|---|---|---|');
    for (const { flag, env, fallback, help } of specs) {
      const value = String(fallback);
      const shown = value === '' ? '' : `\`${value}\``;
      sections.push(
        `| \`${flag.replaceAll('|', '\\|')}\` | ${env === null ? '' : `\`${env}\``} | ${shown} | ${help} |`,
      );
    }
  }
  const intro = [
    '# Commands and options',
    '',
    'This page is generated from the tables the command line is made of. `plumb kubectl` hands every word behind it to kubectl.',
  ];
  return [...intro, ...sections, ''].join('\n');
}
