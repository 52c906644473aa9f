import os from 'node:os';
import { syncBuiltinESMExports } from 'node:module';

/**
 * Loaded before a program (`node --import`): gives its process a host name of its own, and a time of day that its parent sets by messages, in
 * milliseconds from the right one. What nobody can set stays as it is: timers, and performance.now().
 */
const name = process.env['TEST_HOST_NAME'];
if (name !== undefined) {
  os.hostname = () => name;
  syncBuiltinESMExports();
}

let shift = 0;
process.on('message', (message) => {
  if (typeof message === 'number') shift = message;
});
process.channel?.unref();

const RightDate = globalThis.Date;
const now = (): number => RightDate.now() + shift;
globalThis.Date = new Proxy(RightDate, {
  construct: (target, args: ConstructorParameters<DateConstructor> | [], made) =>
    Reflect.construct(target, args.length === 0 ? [now()] : args, made) as Date,
  apply: () => new RightDate(now()).toString(),
  get: (target, key, self) => (key === 'now' ? now : (Reflect.get(target, key, self) as unknown)),
});
