import { describe, expect, it } from 'vitest';
import { ChannelNotFound, ChannelReserved } from '../../src/domain/channel.ts';
import * as errors from '../../src/domain/errors.ts';
import { ChannelMoved, NothingToRollBack } from '../../src/domain/promotion.ts';
import { PromptArchived, SlugTaken } from '../../src/domain/prompt.ts';
import { EditConflict, KindMismatch, VersionNotFound } from '../../src/domain/version.ts';

const version = { id: 'v', number: 3 };

/** The codes that clients depend on. */
const REFUSALS: readonly [string, errors.Refusal][] = [
  ['NOT_FOUND', new errors.NotFound('m')],
  ['INVALID_INPUT', new errors.InvalidInput('field', 'm')],
  ['FORBIDDEN', new errors.Forbidden('m')],
  ['UNAVAILABLE', new errors.Unavailable()],
  ['IDEMPOTENCY_CONFLICT', new errors.IdempotencyConflict('m')],
  ['BAD_CURSOR', new errors.BadCursor('after')],
  ['SLUG_TAKEN', new SlugTaken('m')],
  ['PROMPT_ARCHIVED', new PromptArchived('m')],
  ['EDIT_CONFLICT', new EditConflict(1, version)],
  ['VERSION_NOT_FOUND', new VersionNotFound('m')],
  ['KIND_MISMATCH', new KindMismatch('m')],
  ['CHANNEL_NOT_FOUND', new ChannelNotFound('c')],
  ['CHANNEL_RESERVED', new ChannelReserved('m')],
  ['CHANNEL_MOVED', new ChannelMoved('a/b', 1, version)],
  ['NOTHING_TO_ROLL_BACK', new NothingToRollBack('m')],
];

describe('refusals', () => {
  it.each(REFUSALS)('%s is a code of one class, with a message', (code, refusal) => {
    expect(refusal).toBeInstanceOf(errors.Refusal);
    expect(refusal.code).toBe(code);
    expect(refusal.message).not.toBe('');
  });

  it('carry what a client needs to go on', () => {
    expect(new errors.InvalidInput('content.variables[2].default', 'must be a NUMBER')).toMatchObject({
      field: 'content.variables[2].default',
      message: 'content.variables[2].default: must be a NUMBER',
    });
    expect(new EditConflict(1, version)).toMatchObject({
      newestVersionId: 'v',
      message: expect.stringMatching(/1.*3/) as string,
    });
    expect(new ChannelMoved('a/b', 1, version)).toMatchObject({
      servingVersionId: 'v',
      message: expect.stringMatching(/1.*3/) as string,
    });
    const nothing = new ChannelMoved('a/b', 0, null);
    expect(nothing).toMatchObject({
      servingVersionId: null,
      message: expect.stringMatching(/expected none/) as string,
    });
  });

  it('never write back a name that breaks the line or the encoding', () => {
    const { message } = new ChannelNotFound(`a\nb\u0000\ud800${'x'.repeat(100)}`);
    expect(Buffer.from(message).toString()).toBe(message);
    expect(message).not.toContain('\n');
    expect(message).not.toContain('\u0000');
    expect(message.length).toBeLessThan(200);
  });
});
