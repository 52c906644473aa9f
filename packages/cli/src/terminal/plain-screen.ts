import type { Screen, Write } from './screen.ts';
import { nameOf } from './screen.ts';
import { visibleText } from './visible.ts';
import { clockTime, unitLine } from './words.ts';

/** Lines, for a pipe or a log. */
export function plainScreen(write: Write, now: () => number): Screen {
  const told = new Map<string, string>();
  const line = (text: string): void => write(`${clockTime(now())} ${visibleText(text)}\n`);
  return {
    step: (message) => line(message),
    notice: ({ level, message }) => line(level === 'info' ? message : `${level}: ${message}`),
    tell(telling) {
      for (const text of telling.event.message.split('\n')) line(`${nameOf(telling)}: ${text}`);
    },
    units(units) {
      for (const { name, revision, state, detail } of units.map(unitLine)) {
        const text = [state, revision, detail].filter((part) => part !== '').join('  ');
        if (told.get(name) === text) continue;
        told.set(name, text);
        line(`${name}  ${text}`);
      }
    },
    addresses({ url, kubeconfig, git }) {
      line(`cluster     ${url}`);
      line(`kubeconfig  ${kubeconfig}`);
      line(`git         ${git}`);
    },
    ready: ({ kubeconfig, git }, seconds) =>
      write(`ready  after ${seconds.toFixed(1)} s  kubeconfig=${kubeconfig}  git=${git}\n`),
    stopping: () => line('stopping'),
    close: () => undefined,
  };
}
