import { normalizedExecutor } from '@graphql-tools/executor';
import { GraphQLError } from 'graphql';
import type { ExecutionArgs, ExecutionResult } from 'graphql';

/**
 * Executes an operation for as long as one may run. When the time is up no further resolver begins, and what they answer is dropped; a
 * statement that the database works on goes on until its own time is up.
 */
export async function executeInTime(args: ExecutionArgs, timeoutMs: number): Promise<ExecutionResult> {
  const controller = new AbortController();
  const execution = async () =>
    // Subscriptions and @defer, whose results would be iterators, do not come here.
    (await normalizedExecutor({ ...args, signal: controller.signal })) as ExecutionResult;
  return inTime(execution(), timeoutMs, (error) => controller.abort(error));
}

/** What it resolves with, or `TIMEOUT` as the one error of the operation. What it rejects with passes, but not after that. */
export async function inTime<T>(
  work: Promise<T>,
  timeoutMs: number,
  onTimeout: (error: GraphQLError) => void = () => undefined,
): Promise<T | { readonly errors: readonly GraphQLError[] }> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<{ readonly errors: readonly GraphQLError[] }>((resolve) => {
    timer = setTimeout(() => {
      const error = timeoutError(timeoutMs);
      resolve({ errors: [error] });
      onTimeout(error);
    }, timeoutMs);
  });
  // The race takes what `work` rejects with later, so it is nobody's unhandled rejection.
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

function timeoutError(timeoutMs: number): GraphQLError {
  const message = `the operation ran longer than ${timeoutMs / 1_000} s: ask for less at once; what a mutation did is unknown, repeat it with the same idempotency key only`;
  return new GraphQLError(message, { extensions: { code: 'TIMEOUT', http: { status: 504, spec: true } } });
}
