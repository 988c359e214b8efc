import type { PromptForgeEvents } from './types.ts';

type Listener<Name extends keyof PromptForgeEvents> = (told: PromptForgeEvents[Name]) => void;
type Listeners = { readonly [Name in keyof PromptForgeEvents]: Set<Listener<Name>> };

/** Who wants to hear of what. A listener that throws harms nobody else. */
export class Audience {
  readonly #listeners: Listeners = {
    promoted: new Set(),
    withdrawn: new Set(),
    snapshot: new Set(),
    status: new Set(),
    stale: new Set(),
    error: new Set(),
  };
  readonly #failed: (error: unknown, event: string) => void;

  constructor(failed: (error: unknown, event: string) => void) {
    this.#failed = failed;
  }

  /** The answer takes it back. */
  on<Name extends keyof PromptForgeEvents>(event: Name, listener: Listener<Name>): () => void {
    const listeners = this.#listeners[event];
    // The same function may listen twice, and be taken back once.
    const own: Listener<Name> = (told) => listener(told);
    listeners.add(own);
    return () => void listeners.delete(own);
  }

  tell<Name extends keyof PromptForgeEvents>(event: Name, told: PromptForgeEvents[Name]): void {
    for (const listener of this.#listeners[event]) {
      try {
        listener(told);
      } catch (error) {
        this.#failed(error, event);
      }
    }
  }
}
