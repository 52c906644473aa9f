/** Joins two tree paths; '' is the root. No normalisation. */
export function join(dir: string, name: string): string {
  return dir === '' ? name : `${dir}/${name}`;
}

export function parentOf(path: string): { dir: string; name: string } {
  const slash = path.lastIndexOf('/');
  return { dir: slash < 0 ? '' : path.slice(0, slash), name: path.slice(slash + 1) };
}

/** Whether a path is a folder or stands somewhere below it. */
export function within(path: string, folder: string): boolean {
  return folder === '' || path === folder || path.startsWith(`${folder}/`);
}

/** The way from a folder to a path, as a kustomization writes it: `../base/app.yaml`. */
export function relative(from: string, to: string): string {
  const start = from === '' ? [] : from.split('/');
  const end = to === '' ? [] : to.split('/');
  let common = 0;
  while (common < start.length && common < end.length && start[common] === end[common]) common += 1;
  const way = [...start.slice(common).map(() => '..'), ...end.slice(common)];
  return way.length === 0 ? '.' : way.join('/');
}

/** How a message names a folder: the root is `./`. */
export function displayPath(path: string): string {
  return path === '' ? './' : path;
}
