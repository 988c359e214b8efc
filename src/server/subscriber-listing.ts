import type { Database } from '../db/client.ts';
import {
  announceNode,
  deleteNode,
  deletePlaces,
  deleteStreams,
  upsertPlaces,
  upsertStreams,
} from '../db/stream-subscribers.ts';
import type { ListedKey, ListedPlace, OpenStream, StreamPlace } from '../db/stream-subscribers.ts';

const BATCH = 1_000;

interface WrittenStream extends ListedKey {
  readonly told: StreamPlace;
}

/** What the tables hold of this node's streams, and how that becomes what they should hold. */
export class SubscriberListing {
  readonly #writer: Database['writer'];
  readonly #nodeId: string;
  readonly #streams = new Map<string, WrittenStream>();
  /** Places that streams share. */
  readonly #places = new Map<string, ListedPlace>();
  /** Every workspace that may hold a row of this node. */
  readonly #announced = new Set<string>();

  constructor(writer: Database['writer'], nodeId: string) {
    this.#writer = writer;
    this.#nodeId = nodeId;
  }

  /** `brief`: who came and who went, and not how far the others are. */
  async write(streams: readonly OpenStream[], { brief }: { readonly brief: boolean }): Promise<void> {
    await this.#announce(streams);
    // Places first: a stream that is listed as far as its place must find it.
    await this.#writePlaces(placesOf(streams), { brief });
    await this.#writeStreams(streams, { brief });
    if (!brief) await this.#forgetPlaces(placesOf(streams));
  }

  async leave(): Promise<void> {
    if (this.#announced.size > 0) await deleteNode(this.#writer, this.#nodeId, [...this.#announced]);
  }

  async #announce(open: readonly OpenStream[]): Promise<void> {
    const workspaceIds = new Set(open.map((stream) => stream.workspaceId));
    if (workspaceIds.size === 0) return;
    for (const workspaceId of workspaceIds) this.#announced.add(workspaceId);
    const unknown = new Set(await announceNode(this.#writer, this.#nodeId, [...workspaceIds]));
    if (unknown.size === 0) return;
    // The first time there is nothing to forget. Later: silent for so long that another node swept this one out, rows and all.
    for (const written of [this.#streams, this.#places])
      for (const { id, workspaceId } of written.values()) if (unknown.has(workspaceId)) written.delete(id);
  }

  async #writePlaces(
    places: ReadonlyMap<string, ListedPlace>,
    { brief }: { readonly brief: boolean },
  ): Promise<void> {
    const isDue = ({ id, cursor }: ListedPlace) => {
      const known = this.#places.get(id);
      return known === undefined || (!brief && known.cursor !== cursor);
    };
    for (const batch of batchesOf([...places.values()].filter(isDue))) {
      await upsertPlaces(this.#writer, this.#nodeId, batch);
      for (const place of batch) this.#places.set(place.id, place);
    }
  }

  async #writeStreams(streams: readonly OpenStream[], { brief }: { readonly brief: boolean }): Promise<void> {
    const isDue = ({ id, told }: OpenStream) => {
      const known = this.#streams.get(id);
      return known === undefined || (!brief && hasMoved(known.told, told));
    };
    for (const batch of batchesOf(streams.filter(isDue))) {
      // As it is now: a stream may be sent more while this is written.
      const written = batch.map(writtenStream);
      await upsertStreams(this.#writer, this.#nodeId, batch);
      for (const stream of written) this.#streams.set(stream.id, stream);
    }
    // All of them are written now: when these are as many, none was closed.
    if (this.#streams.size === streams.length) return;
    const open = new Set(streams.map(({ id }) => id));
    const closed = [...this.#streams.values()].filter(({ id }) => !open.has(id));
    for (const batch of batchesOf(closed)) {
      await deleteStreams(this.#writer, this.#nodeId, batch);
      for (const { id } of batch) this.#streams.delete(id);
    }
  }

  async #forgetPlaces(places: ReadonlyMap<string, ListedPlace>): Promise<void> {
    if (this.#places.size === places.size) return;
    const left = [...this.#places.values()].filter(({ id }) => !places.has(id));
    for (const batch of batchesOf(left)) {
      await deletePlaces(this.#writer, this.#nodeId, batch);
      for (const { id } of batch) this.#places.delete(id);
    }
  }
}

/** Those that streams are at just now, as they are now. */
function placesOf(streams: readonly OpenStream[]): Map<string, ListedPlace> {
  const places = new Map<string, ListedPlace>();
  for (const { workspaceId, told } of streams) {
    const { sharedId: id, cursor } = told;
    if (id !== null && cursor !== null && !places.has(id)) places.set(id, { workspaceId, id, cursor });
  }
  return places;
}

/** A place that is shared is looked at for its id only: no copy of it is needed. */
function writtenStream({ id, workspaceId, told }: OpenStream): WrittenStream {
  return { id, workspaceId, told: told.sharedId === null ? { ...told } : told };
}

/** Who shares a place has not moved with it. */
function hasMoved(from: StreamPlace, to: StreamPlace): boolean {
  return from.sharedId !== to.sharedId || (to.sharedId === null && from.cursor !== to.cursor);
}

function batchesOf<T>(rows: readonly T[]): T[][] {
  const batches: T[][] = [];
  for (let at = 0; at < rows.length; at += BATCH) batches.push(rows.slice(at, at + BATCH));
  return batches;
}
