import type { Prisma } from './generated/prisma/client.ts';

type Query = TemplateStringsArray | Prisma.Sql;

/** What SQL needs of a transaction, whoever runs it: Prisma's client, or a connection of pg itself. */
export interface SqlTx {
  $queryRaw<Rows>(query: Query, ...values: readonly unknown[]): Promise<Rows>;
  $executeRaw(query: Query, ...values: readonly unknown[]): Promise<number>;
  /** Statements may be sent before those before them are answered. */
  readonly pipelines?: true;
}

/**
 * Runs statements that need nothing of each other's answers, in this order: in one round trip where the transaction can. Each sees what the
 * one before it waited for. Of several that fail the first is thrown: the others fail because of it.
 */
export async function inOneTrip<Answers extends readonly unknown[][]>(
  tx: SqlTx,
  ...queries: { readonly [Index in keyof Answers]: Prisma.Sql }
): Promise<Answers> {
  if (tx.pipelines === true)
    return (await allInOrder(queries.map((query) => tx.$queryRaw<unknown[]>(query)))) as never;
  const answers: unknown[][] = [];
  for (const query of queries) answers.push(await tx.$queryRaw(query));
  return answers as never;
}

/** As Promise.all, but nothing is under way any more when it rejects. */
export async function allInOrder<Answers extends readonly unknown[]>(
  promises: Answers,
): Promise<{ -readonly [Index in keyof Answers]: Awaited<Answers[Index]> }> {
  const outcomes = await Promise.allSettled(promises);
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  }) as never;
}
