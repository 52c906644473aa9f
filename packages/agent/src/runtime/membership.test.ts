import { describe, expect, test } from 'vitest';
import { memberGroup } from './membership.ts';

describe('the group of an agent', () => {
  test('is as it always was without a selector', () => {
    expect(memberGroup()).toBe('agent');
    expect(memberGroup(' ')).toBe('agent');
  });

  test('is another one for each selector', () => {
    const groups = ['', 'key=a', 'key=b', 'key!=a', '!key', 'key'].map(memberGroup);
    expect(new Set(groups).size).toBe(groups.length);
    for (const group of groups.slice(1)) expect(group).toMatch(/^agent-[0-9a-f]{8}$/);
  });

  test('is the same for a selector in other words', () => {
    const one = memberGroup('sharding.fluxcd.io/key in (a, b),!old');
    expect(memberGroup('!old, sharding.fluxcd.io/key in (b,a)')).toBe(one);
  });
});
