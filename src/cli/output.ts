import { stripVTControlCharacters, styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** What a terminal would obey instead of showing: everything but a line break and a tab. */
// oxlint-disable-next-line no-control-regex -- to find them is the purpose
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;
const LINE_BREAKS = /[\r\n\t\u2028\u2029]+/g;

/** The result: text for people, nothing but the result for programs. */
export function print(text: string): void {
  process.stdout.write(text);
}

/** One JSON value, on one line. */
export function printJson(value: unknown): void {
  print(`${JSON.stringify(value)}\n`);
}

/** What is no part of the result: it must not stand in a pipe. */
export function note(text: string): void {
  // Painted for the terminal that shows the result; the notes may go elsewhere.
  process.stderr.write(`${process.stderr.isTTY ? text : stripVTControlCharacters(text)}\n`);
}

/** Whether people look at the result, rather than a program or a file. */
export function isTerminal(): boolean {
  return process.stdout.isTTY;
}

/** Coloured on a terminal that takes colours, unless NO_COLOR is set; otherwise as it is. */
export function paint(style: Style, text: string): string {
  if (!isTerminal() || text === '') return text;
  return styleText(style, text, { stream: process.stdout });
}

/** Somebody else's text, for a terminal: control characters are shown, not obeyed. */
export function harmless(text: string): string {
  return text.replaceAll(CONTROLS, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** Somebody else's text in a line of ours. */
export function inline(text: string): string {
  return harmless(text.replaceAll(LINE_BREAKS, ' '));
}

/** Columns of equal width under a head; the last one is as long as it is. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((name, column) =>
    rows.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), name.length),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [paint('bold', line(head)), ...rows.map(line)].map((text) => `${text}\n`).join('');
}

/** A moment for people: local time, to the minute. */
export function minute(iso: string): string {
  return second(iso).slice(0, 16);
}

/** A moment for people: local time, to the second. */
export function second(iso: string): string {
  const at = new Date(iso);
  const local = new Date(at.getTime() - at.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19).replace('T', ' ');
}

/** "1 prompt", "2 prompts". */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
