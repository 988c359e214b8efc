import { describe, expect, it } from 'vitest';
import { checkNext, finishChain, startChain } from '../../src/cli/audit-chain.ts';
import type { AuditFault, ChainExpectation, ChainWalk } from '../../src/cli/audit-chain.ts';
import type { AuditEvent } from '../../src/cli/audit-fields.ts';
import { auditLog, chained, chainHash, nodeId, PROMOTION, WORKSPACE } from './audit-log.ts';

const OTHER_WORKSPACE = '01939c1e-7a6b-7000-8000-000000000002';

function walkOver(
  events: readonly AuditEvent[],
  expectation: Partial<ChainExpectation> = {},
): { walk: ChainWalk; faults: AuditFault[] } {
  let walk = startChain({ workspaceId: WORKSPACE, fromSeq: 1, checkpoints: new Map(), ...expectation });
  const faults: AuditFault[] = [];
  for (const event of events) {
    const step = checkNext(walk, event);
    walk = step.walk;
    faults.push(...step.faults);
  }
  return { walk, faults: [...faults, ...finishChain(walk)] };
}

/** Each fault as `kind seq`, in the order of the walk. */
function found(events: readonly AuditEvent[], expectation: Partial<ChainExpectation> = {}): string[] {
  return walkOver(events, expectation).faults.map(({ kind, seq }) => `${kind} ${seq}`);
}

/** A log of nine events with the one of `seq` changed. */
function changed(seq: number, change: (event: AuditEvent) => Partial<AuditEvent>): AuditEvent[] {
  return auditLog(9).map((event) => (event.seq === seq ? { ...event, ...change(event) } : event));
}

/** As `changed`, with a hash that fits again: what a careful forger leaves. */
function forged(seq: number): AuditEvent[] {
  return changed(seq, ({ prevHash }) => chained({ seq, prevHash, slug: 'forged' }));
}

const INSERTED = auditLog(9).flatMap((event) => {
  if (event.seq < 5) return [event];
  const moved = { ...event, seq: event.seq + 1, commitSeq: event.commitSeq + 1 };
  return event.seq > 5 ? [moved] : [moved, chained({ seq: 5, prevHash: event.prevHash, slug: 'inserted' })];
});
const SWAPPED = auditLog(9).map((event, _index, log) => {
  const other = event.seq === 5 ? 6 : event.seq === 6 ? 5 : event.seq;
  return { ...(log.find(({ seq }) => seq === other) ?? event), seq: event.seq };
});
const REWRITTEN = (() => {
  const log = auditLog(9).toReversed();
  let prevHash = log[3]?.hash ?? '';
  const rest = log.slice(4).map(({ seq }) => {
    const event = chained({ seq, prevHash, slug: 'rewritten' });
    prevHash = event.hash;
    return event;
  });
  return [...log.slice(0, 4), ...rest].toReversed();
})();

describe('the chain', () => {
  it('holds from the newest event to the first', () => {
    const log = auditLog(250);
    const { walk, faults } = walkOver(log);
    expect(faults).toEqual([]);
    expect(walk).toMatchObject({ verified: 250, head: { seq: 250, hash: log[0]?.hash } });
  });

  it('holds for a part of the log', () => {
    expect(found(auditLog(9).slice(0, 4), { fromSeq: 6 })).toEqual([]);
  });

  it.each<[string, readonly AuditEvent[], readonly string[]]>([
    ['an edited payload', changed(5, () => ({ payload: { slug: 'edited' } })), ['EDITED 5']],
    ['an edited type', changed(5, () => ({ type: 'PromptArchived' })), ['EDITED 5']],
    ['an edited time', changed(5, () => ({ at: '2020-01-01T00:00:00.000Z' })), ['EDITED 5']],
    ['a time that is off by a millisecond', changed(5, ({ at }) => ({ at: laterBy(1, at) })), ['EDITED 5']],
    ['an edited commit', changed(5, () => ({ commitSeq: 4 })), ['EDITED 5']],
    ['an edited actor', changed(5, () => ({ actor: { kind: 'USER', name: 'Bob' } })), ['EDITED 5']],
    [
      'an edited kind of actor',
      changed(5, ({ actor }) => ({ actor: { ...actor, kind: 'SYSTEM' } })),
      ['EDITED 5'],
    ],
    ['a prompt taken off', changed(6, () => ({ prompt: null })), ['EDITED 6']],
    [
      'another promotion',
      changed(6, () => ({ promotion: { id: nodeId('Promotion', WORKSPACE) } })),
      ['EDITED 6'],
    ],
    [
      'a node of another type',
      changed(6, () => ({ promotion: { id: nodeId('Prompt', PROMOTION) } })),
      ['EDITED 6'],
    ],
    [
      'a promotion put on',
      changed(5, () => ({ promotion: { id: nodeId('Promotion', PROMOTION) } })),
      ['EDITED 5'],
    ],
    ['an edited hashed text', changed(5, edited('note', 'nota')), ['EDITED 5', 'EDITED 5']],
    [
      'a hashed text of another form',
      changed(5, ({ hashedText }) => ({ hashedText: `${hashedText} ` })),
      ['EDITED 5', 'EDITED 5'],
    ],
    [
      'an edited hash',
      changed(5, () => ({ hash: 'ab'.repeat(32) })),
      ['INSERTED_OR_REORDERED 5', 'EDITED 5'],
    ],
    [
      'an edited hash before it',
      changed(5, () => ({ prevHash: 'ab'.repeat(32) })),
      ['EDITED 5', 'INSERTED_OR_REORDERED 4'],
    ],
    ['an edited event with a hash that fits', forged(5), ['INSERTED_OR_REORDERED 5']],
    ['an edited newest event', changed(9, () => ({ payload: {} })), ['EDITED 9']],
    ['an edited first event', changed(1, () => ({ payload: {} })), ['EDITED 1']],
    ['a first event that was forged', forged(1), ['INSERTED_OR_REORDERED 1']],
    ['an event deleted in the middle', auditLog(9).filter(({ seq }) => seq !== 5), ['MISSING 5']],
    [
      'several deleted',
      auditLog(9).filter(({ seq }) => ![3, 5, 6].includes(seq)),
      ['MISSING 5', 'MISSING 3'],
    ],
    ['the oldest deleted', auditLog(9).filter(({ seq }) => seq > 3), ['MISSING 1']],
    ['all deleted', [], ['MISSING 1']],
    [
      'one told twice',
      auditLog(9).flatMap((event) => (event.seq === 5 ? [event, event] : [event])),
      ['INSERTED_OR_REORDERED 5'],
    ],
    ['another workspace', auditLog(1, OTHER_WORKSPACE), ['INSERTED_OR_REORDERED 1', 'EDITED 1']],
    ['a first event of a wrong root', [chained({ seq: 1, prevHash: '00'.repeat(32) })], ['EDITED 1']],
  ])('shows %s', (_title, events, expected) => {
    expect(found(events)).toEqual(expected);
  });

  it('shows an inserted event at its place', () => {
    const faults = walkOver(INSERTED).faults;
    expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(['INSERTED_OR_REORDERED', 'EDITED']));
    expect(faults.filter(({ kind }) => kind === 'INSERTED_OR_REORDERED').map(({ seq }) => seq)).toEqual([
      10, 9, 8, 7, 6, 5,
    ]);
  });

  it('shows both of two swapped events', () => {
    const seqs = walkOver(SWAPPED)
      .faults.filter(({ kind }) => kind === 'INSERTED_OR_REORDERED')
      .map(({ seq }) => seq);
    expect(seqs).toEqual(expect.arrayContaining([5, 6]));
  });

  it('shows two events told in the wrong order', () => {
    const log = auditLog(9);
    expect(found([...log.slice(0, 3), ...log.slice(3, 5).toReversed(), ...log.slice(5)])).toContain(
      'INSERTED_OR_REORDERED 6',
    );
  });

  it('says which fields were edited', () => {
    const events = changed(6, () => ({ type: 'X', payload: null }));
    expect(walkOver(events).faults[0]?.message).toContain('type, payload');
  });

  it('does not take another way to write the same payload for an edit', () => {
    expect(
      found(changed(5, () => ({ payload: { version: 5, note: 'Grüße, {1:x}\n', slug: 'a/5' } }))),
    ).toEqual([]);
  });

  it('refuses a version of the hash that it does not know', () => {
    const { prevHash, hashedText, ...rest } = chained({ seq: 1, prevHash: auditLog(1)[0]?.prevHash ?? '' });
    const text = hashedText.replace(/^1:2,/, '1:3,');
    const event = { ...rest, prevHash, hashedText: text, hash: chainHash(prevHash, text) };
    expect(walkOver([event]).faults).toMatchObject([
      { seq: 1, message: expect.stringContaining('version 3') },
    ]);
  });
});

describe('a checkpoint', () => {
  const log = auditLog(9);
  const checkpoints = new Map([[7, [log[2]?.hash ?? '']]]);

  it('is there in the log it was taken from', () => {
    expect(found(log, { checkpoints })).toEqual([]);
    expect(found(log.slice(2), { checkpoints })).toEqual([]);
  });

  it('shows that the newest events are gone', () => {
    expect(found(log.slice(3))).toEqual([]);
    expect(found(log.slice(3), { checkpoints })).toEqual(['MISSING 7']);
    expect(found([], { checkpoints })).toEqual(['MISSING 1']);
  });

  it('shows history that was written anew', () => {
    expect(found(REWRITTEN)).toEqual([]);
    expect(found(REWRITTEN, { checkpoints })).toEqual(['EDITED 7']);
  });
});

function laterBy(ms: number, at: string): string {
  return new Date(Date.parse(at) + ms).toISOString();
}

function edited(from: string, to: string) {
  return ({ hashedText }: AuditEvent): Partial<AuditEvent> => ({ hashedText: hashedText.replace(from, to) });
}
