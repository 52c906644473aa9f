import type { ServerResponse } from 'node:http';
// oxlint-disable-next-line no-restricted-imports -- it stands where the network is, and speaks as it does.
import type { ClientHttp2Stream } from 'node:http2';
import type { EventFault } from './faults.ts';

const GONE = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'Expired', code: 410, message: 'too old' };

/** Passes a watch on line by line, so that single events can be lost. Bookmarks are never dropped: they are what a gap hides behind. */
export function relayWatch(from: ClientHttp2Stream, to: ServerResponse, faultOf: () => EventFault | null): void {
  let rest = '';
  let mute = false;
  const end = (): void => {
    from.destroy();
    to.end();
  };
  const pass = (line: string): void => {
    const fault = line.includes('"type":"BOOKMARK"') ? null : faultOf();
    if (mute || fault === 'drop-event') return;
    if (fault === 'mute-watch') mute = true;
    else if (fault === 'close-watch') end();
    else if (fault === 'gone-event') {
      to.write(`${JSON.stringify({ type: 'ERROR', object: GONE })}\n`);
      end();
    } else to.write(`${line}\n`);
  };
  from.setEncoding('utf8');
  from.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (!to.writableEnded) pass(line);
  });
  from.on('error', () => to.destroy());
  from.once('end', () => {
    if (!mute) to.end();
  });
}
