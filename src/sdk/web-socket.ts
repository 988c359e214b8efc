/** What is needed of a WebSocket. */
export interface WebSocketLike {
  close(code?: number, reason?: string): void;
  /** `ws` has it: gone at once, without waiting for the other side. */
  terminate?(): void;
}

export type SocketClass = new (url: string, protocols?: string | string[]) => WebSocketLike;

/** The name comes as an argument: bundlers would look for what is written here, and browsers have no need of it. */
const importOptional = (name: string): Promise<unknown> =>
  import(/* @vite-ignore */ /* webpackIgnore: true */ name);

/** The global WebSocket, else that of the package `ws` where it is installed; null: there is none. */
export async function findSocketClass(): Promise<SocketClass | null> {
  const { WebSocket: standing } = globalThis as { WebSocket?: SocketClass };
  if (standing !== undefined) return standing;
  try {
    const installed = (await importOptional('ws')) as { readonly WebSocket?: SocketClass };
    return installed.WebSocket ?? null;
  } catch {
    return null;
  }
}
