import { describe, expect, it } from 'vitest';
import type { EventRow } from '../db/chain.ts';
import { ROWS } from './rows.ts';
import { findings } from './witness.ts';
import type { FinalState, WitnessLine } from './witness.ts';
import { auditLog, PROMOTION, WORKSPACE } from '../cli/audit-log.ts';
import { parseHashedText } from '../../src/cli/hashed-text.ts';

/** Minutes on a machine that has much else to do: what is asserted is what happened, not how fast. */
const LONG = { timeout: 300_000 };

async function play(row: number, faults: number, seed = 1) {
  const run = ROWS[row];
  if (run === undefined) throw new Error(`no row ${row}`);
  return run({ seed, faults });
}

describe('an acknowledged promotion', () => {
  it('outlives the server, killed with its embedded database under load', LONG, async () => {
    const { acknowledged, findings: found } = await play(1, 2);
    expect(found).toEqual([]);
    expect(acknowledged).toBeGreaterThan(10);
  });

  it('outlives PostgreSQL, killed with all its processes, and so does the server', LONG, async () => {
    const { acknowledged, findings: found } = await play(3, 2);
    expect(found).toEqual([]);
    expect(acknowledged).toBeGreaterThan(20);
  });

  it('happens once when the answer to its COMMIT is lost, and it is repeated', LONG, async () => {
    const { findings: found, faults } = await play(4, 16);
    expect([found, faults]).toEqual([[], 16]);
  });

  it(
    'happens once when the answer to its COMMIT is later than its time, and it is repeated',
    LONG,
    async () => {
      const { findings: found, faults } = await play(37, 6);
      expect([found, faults]).toEqual([[], 6]);
    },
  );
});

describe('the validator', () => {
  const lines: WitnessLine[] = [
    { what: 'invoke', op: 'x', slug: 'a', version: 2 },
    { what: 'ok', op: 'x', promotion: PROMOTION },
  ];
  const log = auditLog(2)
    .toReversed()
    .map(({ hash, prevHash, hashedText, seq }): EventRow => {
      const fields = parseHashedText(hashedText);
      return {
        workspace_id: WORKSPACE,
        seq: String(seq),
        commit_seq: fields?.commitSeq ?? '',
        type: fields?.type ?? '',
        actor_kind: fields?.actorKind ?? '',
        actor_id: fields?.actorId ?? '',
        actor_name: fields?.actorName ?? '',
        at_micros: fields?.atMicros ?? '',
        prompt_id: fields?.promptId ?? null,
        promotion_id: fields?.promotionId ?? null,
        payload: fields?.payload ?? '',
        hash_version: 1,
        prev_hash: Buffer.from(prevHash, 'hex'),
        hash: Buffer.from(hash, 'hex'),
      };
    });
  const promotion = { id: PROMOTION, op: 'x', slug: 'a', version: 2, ordinal: 4 };
  const pointer = { slug: 'a', promotion: PROMOTION, version: 2 };
  const whole: FinalState = { workspaceId: WORKSPACE, promotions: [promotion], pointers: [pointer], log };

  it.each<[string, Partial<FinalState>, WitnessLine[], RegExp]>([
    ['a loss', { promotions: [], pointers: [] }, lines, /acknowledged and is lost/],
    [
      'a duplicate',
      { promotions: [promotion, { ...promotion, id: 'other', ordinal: 3 }] },
      lines,
      /happened 2 times/,
    ],
    ['a wrong version', { promotions: [{ ...promotion, version: 1 }] }, lines, /happened to something else/],
    ['what nobody asked for', {}, [], /was never asked for/],
    [
      'what was refused',
      {},
      [
        { what: 'invoke', op: 'x', slug: 'a', version: 2 },
        { what: 'fail', op: 'x', why: 'NO' },
      ],
      /refused and happened/,
    ],
    [
      'a pointer that stayed behind',
      { pointers: [{ ...pointer, promotion: 'older', version: 1 }] },
      lines,
      /is pointed at older/,
    ],
    ['a promotion without its event', { log: log.slice(0, 1) }, lines, /do not agree/],
    ['a broken chain', { log: log.slice(1) }, lines, /chain is broken/],
  ])('finds %s', (_title, change, witnessed, wanted) => {
    expect(findings(witnessed, { ...whole, ...change }).join('\n')).toMatch(wanted);
  });
});
