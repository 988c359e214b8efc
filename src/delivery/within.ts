import { Unavailable } from '../domain/errors.ts';

/** What comes too late is dropped: the statement ends by its own time. @throws Unavailable */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  const { promise: late, cancel } = rejectAfter(ms);
  try {
    return await Promise.race([promise, late]);
  } finally {
    cancel();
  }
}

function rejectAfter(ms: number): { readonly promise: Promise<never>; readonly cancel: () => void } {
  let timer: NodeJS.Timeout | undefined;
  const promise = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Unavailable()), ms);
  });
  return { promise, cancel: () => clearTimeout(timer) };
}
