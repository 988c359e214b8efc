import { isChannelName, STABLE } from '../domain/channel.ts';
import { isSlug } from '../domain/prompt.ts';
import type { Selector } from '../delivery/snapshot.ts';
import { DELIVERY_PATH } from './paths.ts';
import { badRequest, ProblemError } from './problem.ts';
import { urlParts } from './url-parts.ts';

const NUMBER_MAX = 2_147_483_647;

/** What a request to deliver names. */
export interface Target {
  readonly slug: string;
  readonly selector: Selector;
}

/** @param suffix what stands behind the slug. @throws ProblemError 400 */
export function parseTarget(url: string, suffix = ''): Target {
  const { path, search } = urlParts(url);
  const slug = decodeSlug(path.slice(DELIVERY_PATH.length, path.length - suffix.length));
  return { slug, selector: parseSelector(new URLSearchParams(search).getAll('_version')) };
}

function decodeSlug(raw: string): string {
  const detail =
    'the path names no slug: segments of a-z, 0-9, ".", "_" and "-", separated by "/" (or %2F), at most 200 characters';
  try {
    const slug = decodeURIComponent(raw);
    if (isSlug(slug)) return slug;
  } catch {
    // A malformed escape is as wrong as a malformed slug.
  }
  throw new ProblemError(badRequest(detail, { field: 'slug' }));
}

function parseSelector(values: readonly string[]): Selector {
  const [value = STABLE] = values;
  const detail = '_version is one channel name (stable, latest, ...) or one version number from 1';
  if (values.length > 1) throw new ProblemError(badRequest(detail, { field: '_version' }));
  if (/^[1-9]\d{0,9}$/.test(value) && Number(value) <= NUMBER_MAX) return { number: Number(value) };
  if (isChannelName(value)) return { channel: value };
  throw new ProblemError(badRequest(detail, { field: '_version' }));
}
