const SLUG = 'support/assistant';
const CHAT = 'support/chat';

/** What cannot be read, with how the command ends and what it says. */
export const REFUSED_READS: readonly (readonly [readonly string[], number, string])[] = [
  [['show', CHAT], 5, '--channel latest'],
  [['show', SLUG, '--channel', 'nope'], 5, 'there are latest, stable'],
  [['show', SLUG, '--version', '9'], 5, 'has no version 9: `promptforge history'],
  [['show', 'suport/asistant'], 5, `did you mean ${SLUG}?`],
  [['show', 'Support'], 5, 'there is no prompt "Support"'],
  [['show', SLUG, '--version', '0'], 2, '1, 2, 3'],
  [['show', SLUG, '--version', '1', '--channel', 'stable'], 2, 'cannot be used with'],
  [['show', SLUG, '--raw', '--json'], 2, 'not both'],
  [['list', '--channel', 'nope'], 5, 'there are latest, stable'],
  [['list', '--limit', '0'], 2, '1 or more'],
  [['diff', SLUG, '1-2'], 2, 'A..B'],
  [['diff', SLUG, '1..2..3'], 2, 'A..B'],
  [['diff', SLUG, '1..Ä'], 2, 'is no version'],
  [['diff', SLUG, '1..7'], 5, 'has no version 7'],
  [['diff', SLUG, '7..1'], 5, 'version 7'],
  [['diff', CHAT], 5, '"stable" serves no version'],
  [['diff', 'nope', '1..2'], 5, 'there is no prompt'],
  [['history', 'nope'], 5, 'there is no prompt'],
  [['history', SLUG, '--channel', 'nope'], 5, 'there are latest, stable'],
  [['render', SLUG, '--var', 'customer'], 2, '--var name=value'],
  [['render', SLUG, '--vars', '/nowhere'], 2, 'ENOENT'],
  [['render', CHAT], 5, '--channel latest'],
];
