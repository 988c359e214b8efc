import { InvalidInput, NotFound, Refusal } from './errors.ts';
import { optionalText, requireText, textFault } from './text.ts';

const SLUG_LENGTH_MAX = 200;
const DESCRIPTION_LENGTH_MAX = 2_000;
const OWNER_LENGTH_MAX = 200;
const TAGS_MAX = 50;
const TAG_LENGTH_MAX = 64;
const SEGMENT = /^[a-z0-9._-]+$/;
export const SLUG_RULE =
  'segments of a-z, 0-9, ".", "_" and "-" that are not "." or "..", separated by "/", at most 200 characters';

export class SlugTaken extends Refusal {
  readonly code = 'SLUG_TAKEN';
}

export class PromptArchived extends Refusal {
  readonly code = 'PROMPT_ARCHIVED';
}

export function isSlug(slug: string): boolean {
  if (slug.length > SLUG_LENGTH_MAX) return false;
  return slug.split('/').every((segment) => SEGMENT.test(segment) && segment !== '.' && segment !== '..');
}

/** @throws InvalidInput that says what a slug is. */
export function requireSlug(field: string, slug: string): string {
  if (!isSlug(slug)) throw new InvalidInput(field, `${quote(slug)} is not a slug: ${SLUG_RULE}`);
  return slug;
}

/** For look-ups: what is no slug names no prompt, and must not reach the database, which cannot hold it. @throws NotFound */
export function requireFindableSlug(slug: string): string {
  if (!isSlug(slug)) throw new NotFound(`this workspace has no prompt ${quote(slug)}`);
  return slug;
}

/** Checks tags: storable, not empty, unique, at most 50 of 64 characters. Their order is kept. */
export function requireTags(tags: readonly string[]): readonly string[] {
  if (tags.length > TAGS_MAX)
    throw new InvalidInput('tags', `has ${tags.length} tags, at most ${TAGS_MAX} are allowed`);
  tags.forEach((tag, index) => {
    requireText(`tags[${index}]`, tag, TAG_LENGTH_MAX);
    if (tag.trim() === '') throw new InvalidInput(`tags[${index}]`, 'is empty');
    if (tags.indexOf(tag) !== index) throw new InvalidInput(`tags[${index}]`, `repeats ${quote(tag)}`);
  });
  return tags;
}

export function requireDescription(description: string | null | undefined): string | null {
  return optionalText('description', description, DESCRIPTION_LENGTH_MAX);
}

export function requireOwner(owner: string | null | undefined): string | null {
  return optionalText('owner', owner, OWNER_LENGTH_MAX);
}

/** The slugs of a folder as a half-open range of the byte order: "support" -> ["support/", "support0"). */
export function folderRange(folder: string): { gte: string; lt: string } {
  const prefix = folder.replace(/(\/\*|\/)$/, '');
  return { gte: `${prefix}/`, lt: `${prefix}0` };
}

function quote(text: string): string {
  const shown = textFault(text) === null ? text : text.replaceAll(/\P{ASCII}|\p{Cc}/gu, '?');
  return JSON.stringify(shown.length > 60 ? `${shown.slice(0, 60)}...` : shown);
}
