import { describe, expect, it } from 'vitest';
import { accept, importBench, line, result } from './import-bench.ts';
import type { Answer } from './import-bench.ts';

const { calls, importFile, write } = importBench();

describe('promptforge import, when the server does not take it', () => {
  it('leaves out the prompt that the server refuses, with the line to blame, and sends the others', async () => {
    const path = await write(line('bad', 1), line('good', 2), line('bad', 3), line('good', 4));
    const { code, stdout, stderr } = await importFile(path, (versions, count) => {
      const index = versions.findIndex(({ slug, message }) => slug === 'bad' && message === 'day 3');
      if (index === -1) return accept(versions, count);
      const field = `versions[${index}].content.template`;
      return result({
        __typename: 'InvalidInput',
        code: 'INVALID_INPUT',
        message: `${field}: holds a NUL character`,
        field,
      });
    });
    expect([code, stderr]).toEqual([
      1,
      'line 3 (bad): is refused by the server: content.template: holds a NUL character\n',
    ]);
    expect(calls()).toEqual([
      ['bad 1', 'good 2', 'bad 3', 'good 4'],
      ['good 2', 'good 4'],
    ]);
    expect(stdout).toContain('1 prompt imported: 2 versions created');
    expect(stdout).toContain('1 prompt left out with 2 good versions');
  });

  it('asks for each prompt alone when the server does not say which it means', async () => {
    const path = await write(line('a', 1), line('bad', 2), line('c', 3));
    const { code, stderr } = await importFile(path, (versions, count) =>
      versions.some(({ slug }) => slug === 'bad')
        ? result({ __typename: 'KindMismatch', code: 'KIND_MISMATCH', message: 'the kinds differ' })
        : accept(versions, count),
    );
    expect([code, stderr]).toEqual([1, 'line 2 (bad): is refused by the server: the kinds differ\n']);
    expect(calls()).toEqual([['a 1', 'bad 2', 'c 3'], ['a 1'], ['bad 2'], ['c 3']]);
  });

  it('does not go on with a prompt whose earlier call was refused', async () => {
    const path = await write(
      ...Array.from({ length: 150 }, (_, index) =>
        line('a', 1, { committedAt: new Date(index * 1000).toISOString() }),
      ),
      line('b', 1),
    );
    const { code, stdout } = await importFile(path, (versions, count) =>
      count === 1
        ? result({
            __typename: 'InvalidInput',
            code: 'INVALID_INPUT',
            message: 'versions[7].slug: no',
            field: 'versions[7].slug',
          })
        : accept(versions, count),
    );
    expect([code, stdout]).toEqual([1, expect.stringContaining('1 prompt left out with 150 good versions')]);
    expect(calls().slice(1)).toEqual([['b 1']]);
  });

  it.each<[string, Answer, number, string]>([
    [
      'refused',
      () =>
        result({
          __typename: 'InvalidInput',
          code: 'INVALID_INPUT',
          message: 'versions[20].slug: no',
          field: 'versions[20].slug',
        }),
      1,
      'line 121 (a): is refused by the server: slug: no (partly imported',
    ],
    ['cut off', () => ({ cut: true }), 3, 'cannot be reached'],
  ])(
    'counts a prompt as partly imported when a later call of it is %s',
    async (_title, answer, code, told) => {
      const path = await write(
        ...Array.from({ length: 150 }, (_, index) =>
          line('a', 1, { committedAt: new Date(index * 1000).toISOString() }),
        ),
      );
      const run = await importFile(path, (versions, count) =>
        count === 1 ? accept(versions, count) : answer(versions, count),
      );
      expect([run.code, run.stdout]).toEqual([
        code,
        expect.stringMatching(
          /^0 prompts imported: 100 versions created.*partly imported.*: a \(100 of 150 versions\)\n/s,
        ),
      ]);
      expect(run.stdout).not.toContain('left out');
      expect(run.stderr).toContain(told);
    },
  );

  it('says what went in when it has to stop, and that it may be run again', async () => {
    const path = await write(
      ...['a', 'b'].flatMap((slug) => Array.from({ length: 60 }, (_, index) => line(slug, index + 1))),
    );
    const run = await importFile(path, (versions, count) =>
      count === 1 ? accept(versions, count) : { cut: true },
    );
    expect([run.code, run.stderr]).toEqual([3, expect.stringContaining('error: ')]);
    expect(run.stdout).toContain('1 prompt imported: 60 versions created');
    expect(run.stdout).toContain('not finished: run the command again');
  });

  it('ends with 4 when the key may not import', async () => {
    const refusal = {
      __typename: 'Forbidden',
      code: 'FORBIDDEN',
      message: 'lacks the scope "history:import"',
    };
    const { code, stderr } = await importFile(await write(line('a', 1)), () => result(refusal));
    expect([code, stderr]).toEqual([4, 'error: lacks the scope "history:import"\n']);
  });

  it('comes back when the database is away', async () => {
    const run = await importFile(await write(line('a', 1)), (versions, count) =>
      count < 3
        ? result({ __typename: 'Unavailable', code: 'UNAVAILABLE', message: 'away' })
        : accept(versions, count),
    );
    expect([run.code, calls().length]).toEqual([0, 3]);
  });
});
