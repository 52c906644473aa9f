/**
 * Draws what it is told to, one number after the other, and sends a report of each. A process of its own: input that ends it or keeps it busy for
 * ever is to be noticed from outside. Arguments: the seed, a folder. It ends with its parent.
 */
import { HostileLab } from './lab.ts';

const [seed = '', dir = ''] = process.argv.slice(2);
const lab = await HostileLab.start(dir);
process.on('message', (number: number) => {
  // What escapes here ends the process, and that is told.
  void lab.draw(Number(seed), number).then((report) => process.send?.(report));
});
process.once('disconnect', () => void lab.close().finally(() => process.exit()));
process.send?.('ready');
