/** What is needed of a WebSocket. */
export interface WebSocketLike {
  close(code?: number, reason?: string): void;
  /** `ws` has it: gone at once, without waiting for the other side. */
  terminate?(): void;
}

export type SocketClass = new (url: string, protocols?: string | string[]) => WebSocketLike;

/** Not written where it is imported: bundlers would look for it, and browsers have no need of it. */
const OPTIONAL_PACKAGE = 'ws';

/** The global WebSocket, else that of the package `ws` where it is installed; null: there is none. */
export async function findSocketClass(): Promise<SocketClass | null> {
  const { WebSocket: standing } = globalThis as { WebSocket?: SocketClass };
  if (standing !== undefined) return standing;
  try {
    const installed = (await import(OPTIONAL_PACKAGE)) as { readonly WebSocket?: SocketClass };
    return installed.WebSocket ?? null;
  } catch {
    return null;
  }
}
