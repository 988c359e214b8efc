import { LRUCache } from 'lru-cache';
import { isUnavailable } from '../db/database-errors.ts';
import type { Frame } from './frames.ts';
import type { Rendering } from './member.ts';
import { FORMS_MAX, Payload } from './payload.ts';
import type { Slots } from './slots.ts';

/** Of one group, with every form that its members have them in. */
const KEPT_BYTES_MAX = 4 * 1024 * 1024;
const PAYLOAD_OVERHEAD_BYTES = 512;
export const RENDERED_AT_ONCE = 50;
const RETRY_MS = 250;

/** Renders a group's frames: each once, whoever asks for it meanwhile or soon after. */
export class Renderer {
  readonly #rendering: Rendering;
  readonly #slots: Slots;
  readonly #isWanted: () => boolean;
  readonly #kept = new LRUCache<string, Payload>({
    maxSize: KEPT_BYTES_MAX,
    sizeCalculation: ({ bytes }) => bytes.length * (1 + FORMS_MAX) + PAYLOAD_OVERHEAD_BYTES,
  });
  readonly #underWay = new Map<string, Promise<Payload>>();

  constructor(rendering: Rendering, slots: Slots, isWanted: () => boolean) {
    this.#rendering = rendering;
    this.#slots = slots;
    this.#isWanted = isWanted;
  }

  /** Waits for the database while it is away and somebody still wants the frame. @throws what the rendering fails with otherwise */
  async render(frame: Frame): Promise<Payload> {
    if (frame.type === 'Bookmark') return this.#renderPatiently(frame);
    const key = keyOf(frame);
    const kept = this.#kept.get(key) ?? this.#underWay.get(key);
    if (kept !== undefined) return kept;
    const promise = this.#renderPatiently(frame).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, promise);
    const payload = await promise;
    this.#kept.set(key, payload);
    return payload;
  }

  /** Many at a time: those that ask the database for the same at one moment ask it once. */
  async renderAll(frames: readonly Frame[]): Promise<Payload[]> {
    const payloads: Payload[] = [];
    for (let from = 0; from < frames.length; from += RENDERED_AT_ONCE) {
      const some = frames.slice(from, from + RENDERED_AT_ONCE);
      const rendered = await this.#slots.run(() => Promise.all(some.map((frame) => this.render(frame))));
      payloads.push(...rendered);
    }
    return payloads;
  }

  async #renderPatiently(frame: Frame): Promise<Payload> {
    for (;;) {
      try {
        return new Payload(frame, await this.#rendering.render(frame));
      } catch (error) {
        if (!isUnavailable(error) || !this.#isWanted()) throw error;
        await new Promise((resolve) => {
          setTimeout(resolve, RETRY_MS).unref();
        });
      }
    }
  }
}

function keyOf(frame: Exclude<Frame, { type: 'Bookmark' }>): string {
  const { type, cursor, more } = frame;
  const what = whatOf(frame);
  return [type, cursor, more, ...what].join(' ');
}

function whatOf(frame: Exclude<Frame, { type: 'Bookmark' }>): readonly (string | number)[] {
  switch (frame.type) {
    case 'ChannelSnapshot':
      return [frame.reason, frame.part, frame.end];
    case 'PromotionRequestChanged':
      return [frame.requestId, frame.change];
    default:
      return [frame.slug, frame.promotionId];
  }
}
