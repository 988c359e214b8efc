import { describe, expect, it } from 'vitest';
import { isUuid } from '../../src/domain/ids.ts';
import { createRequestIds } from '../../src/server/request-ids.ts';

describe('request ids', () => {
  it('are UUIDs, and none is given twice, by one process or by two', () => {
    const given = [createRequestIds(), createRequestIds()].flatMap((next) =>
      Array.from({ length: 70_000 }, next),
    );
    expect(given.filter((id) => !isUuid(id))).toEqual([]);
    expect(new Set(given).size).toBe(given.length);
  });

  it('are of version 4', () => {
    expect(createRequestIds()()).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
  });
});
