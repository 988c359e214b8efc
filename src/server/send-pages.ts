import type { ServerResponse } from 'node:http';

export type Pages = AsyncGenerator<string | Uint8Array, void, void>;

/**
 * Writes page after page as fast as the client takes them: memory holds one. The first is read before the head of the answer is written, so
 * that what fails then is still a problem; later the connection is cut, so that nobody takes a part for the whole.
 */
export async function sendPages(
  res: ServerResponse,
  first: IteratorResult<string | Uint8Array, void>,
  pages: Pages,
  stalledMs: number,
): Promise<void> {
  for (let page = first; page.done !== true; page = await pages.next()) {
    if (res.destroyed) return;
    if (!res.write(page.value) && !(await drained(res, stalledMs))) {
      res.destroy();
      return;
    }
  }
  res.end();
}

/**
 * Whether the client has taken what was written, or has gone; false: neither in time. By a timer of its own: one of AbortSignal.timeout ends
 * with its signal, and nothing holds that but the signals made of it, weakly.
 */
function drained(res: ServerResponse, stalledMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const taken = () => settle(true);
    const timer = setTimeout(() => settle(false), stalledMs);
    function settle(isTaken: boolean): void {
      clearTimeout(timer);
      res.off('drain', taken);
      res.off('close', taken);
      resolve(isTaken);
    }
    res.once('drain', taken);
    res.once('close', taken);
  });
}
