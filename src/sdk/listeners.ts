import type { PromptForgeEvents } from './types.ts';

type Listener<Name extends keyof PromptForgeEvents> = (told: PromptForgeEvents[Name]) => void;
/** Who wants to hear of what. A listener that throws harms nobody else. */
export class Audience {
  readonly #listeners = new Map<object, keyof PromptForgeEvents>();
  readonly #failed: (error: unknown, event: string) => void;

  constructor(failed: (error: unknown, event: string) => void) {
    this.#failed = failed;
  }

  /** The answer takes it back. */
  on<Name extends keyof PromptForgeEvents>(event: Name, listener: Listener<Name>): () => void {
    // The same function may listen twice, and be taken back once.
    const own: Listener<Name> = (told) => listener(told);
    this.#listeners.set(own, event);
    return () => void this.#listeners.delete(own);
  }

  tell<Name extends keyof PromptForgeEvents>(event: Name, told: PromptForgeEvents[Name]): void {
    // A copy: whom a listener adds hears of the next event.
    for (const [listener, wanted] of Array.from(this.#listeners)) {
      if (wanted !== event) continue;
      const failed = (error: unknown) => this.#failed(error, event);
      try {
        // Of an async one the promise is nobody's else.
        Promise.resolve((listener as (told: unknown) => unknown)(told)).catch(failed);
      } catch (error) {
        failed(error);
      }
    }
  }
}
