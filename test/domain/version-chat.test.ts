import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MESSAGE_ROLES } from '../../src/domain/template.ts';
import type { Message } from '../../src/domain/template.ts';
import { chatText, parseChatText } from '../../src/domain/version-chat.ts';

const tricky = fc.array(
  fc.constantFrom('\n', '\r', '\u2028', '\\', '[1] ', '[22] USER', '(', ')', '"', 'a', ' ', 'SYSTEM', '[1]'),
);
const text = fc.oneof(
  tricky.map((parts) => parts.join('')),
  fc.string({ unit: 'binary' }),
);
const message: fc.Arbitrary<Message> = fc.record(
  { role: fc.constantFrom(...MESSAGE_ROLES), content: text, name: text },
  { requiredKeys: ['role', 'content'] },
);

describe('the text of a chat', () => {
  it('says messages one after the other, each under its role', () => {
    const messages = [
      { role: 'SYSTEM', content: 'Be kind.\n' },
      { role: 'USER', content: '[2] USER is no header, nor is \\[2] x', name: 'ann' },
      { role: 'ASSISTANT', content: '', name: 'a b' },
    ] as const;
    expect(chatText(messages)).toBe(
      '[1] SYSTEM\nBe kind.\n\n[2] USER (ann)\n\\[2] USER is no header, nor is \\[2] x\n[3] ASSISTANT ("a b")\n\n',
    );
  });

  it('is read back as it was written, whatever stands in the messages', () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 4 }), (messages) => {
        expect(parseChatText(chatText(messages))).toEqual({ messages });
      }),
    );
  });

  it('takes messages that were moved, put in, or saved without a newline at the end or with those of Windows', () => {
    expect(parseChatText('[7] USER\nHi\n[1] TOOL (t)\r\nyes')).toEqual({
      messages: [
        { role: 'USER', content: 'Hi' },
        { role: 'TOOL', name: 't', content: 'yes' },
      ],
    });
  });

  it.each([
    ['', 1],
    ['Hi\n[1] USER\n', 1],
    ['[1] USER\nHi\n[2] NOBODY\nx\n', 3],
    ['[1] USER\na\nb\n[2] USER (a b)\nx', 4],
    ['[1] USER ("a)\nx', 1],
    ['[1] user\nx', 1],
  ])('says in which line %j is no chat', (written, line) => {
    expect(parseChatText(written)).toEqual({ fault: expect.stringContaining(`line ${line}: `) });
  });
});
