import fc from 'fast-check';
import { v4, v7 } from 'uuid';
import { describe, expect, it } from 'vitest';
import { isUuid } from '../../src/domain/ids.ts';

describe('isUuid', () => {
  it('takes what PostgreSQL prints', () => {
    fc.assert(fc.property(fc.uuid(), (id) => isUuid(id)));
    expect([v4(), v7(), '00000000-0000-0000-0000-000000000000'].every(isUuid)).toBe(true);
  });

  it('takes nothing else, however close', () => {
    const id = v7();
    const others = [
      '',
      id.toUpperCase(),
      `{${id}}`,
      id.replaceAll('-', ''),
      ` ${id}`,
      `${id}\n`,
      `${id}0`,
      id.slice(1),
      'g'.repeat(36),
    ];
    expect(others.filter(isUuid)).toEqual([]);
  });
});
