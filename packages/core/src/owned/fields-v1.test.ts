import { expect, test } from 'vitest';
import { resolverOf } from './fields-v1.ts';

const ports = [
  { containerPort: 80, protocol: 'TCP', name: 'a' },
  { containerPort: 80, protocol: 'UDP', name: 'b' },
  { containerPort: 9007199254740993n, protocol: 'TCP', name: 'big' },
];
const long = [
  ...ports,
  ...Array.from({ length: 100 }, (_, index) => ({ containerPort: index + 1_000, protocol: 'TCP' })),
  ports[1],
  'x',
  'y',
  7,
  true,
];

test.each([
  ['f:a', { a: 1, b: 2 }, [1]],
  ['f:c', { a: 1 }, []],
  ['f:toString', {}, []],
  ['f:a.b/c', { 'a.b/c': 1 }, [1]],
  ['k:{"name":"x"}', { name: 'x' }, []],
  ['f:a', [{ a: 1 }], []],
  ['f:a', 'text', []],
  ['k:{"containerPort":80,"protocol":"UDP"}', ports, [ports[1]]],
  ['k:{"containerPort":81,"protocol":"UDP"}', ports, []],
  ['k:{"containerPort":9007199254740993,"protocol":"TCP"}', ports, [ports[2]]],
  ['k:{"containerPort":80,"protocol":"UDP"}', long, [ports[1], ports[1]]],
  ['k:{"containerPort":9007199254740993,"protocol":"TCP"}', long, [ports[2]]],
  ['k:{"containerPort":1050,"protocol":"TCP"}', long, [{ containerPort: 1050, protocol: 'TCP' }]],
  ['k:{"containerPort":"80","protocol":"UDP"}', long, []],
  ['k:{"name":"b"}', long, [ports[1], ports[1]]],
  ['k:[1]', ports, []],
  ['v:"x"', ['x', 'y'], ['x']],
  ['v:7', [7, '7'], [7]],
  ['v:true', long, [true]],
  ['v:"z"', long, []],
  ['i:1', ['a', 'b'], ['b']],
  ['i:2', ['a', 'b'], []],
  ['q:strange', ['a'], []],
])('%s', (step, value, found) => {
  expect(resolverOf(value).resolve(step)).toEqual(found);
});
