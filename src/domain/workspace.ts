import { InvalidInput, Refusal } from './errors.ts';
import { requireText } from './text.ts';

/** Where keys of operators live and what they do is recorded; its slug is none that a workspace can be given. */
export const OPERATOR_WORKSPACE = { slug: '$operator', name: 'Operator' };
export const DEFAULT_WORKSPACE = { slug: 'default', name: 'Default' };

const SLUG = /^[a-z][a-z0-9-]{1,47}$/;
const NAME_LENGTH_MAX = 100;
const SHOWN_MAX = 64;

export class WorkspaceSlugTaken extends Refusal {
  readonly code = 'WORKSPACE_SLUG_TAKEN';

  constructor(slug: string) {
    super(`this installation has a workspace "${slug}" already`);
  }
}

/** @throws InvalidInput for what no workspace can be called. */
export function requireWorkspaceSlug(field: string, slug: string): string {
  if (SLUG.test(slug)) return slug;
  throw new InvalidInput(field, 'is a lower-case letter, then 1 to 47 of a-z, 0-9 and "-"');
}

/** @throws InvalidInput */
export function requireWorkspaceName(name: string): string {
  requireText('name', name, NAME_LENGTH_MAX);
  if (name.trim() === '') throw new InvalidInput('name', 'is blank');
  return name;
}

/** Whether a workspace of this slug may be renamed or deleted: what every installation has stays. */
export function isPermanent(slug: string): boolean {
  return slug === DEFAULT_WORKSPACE.slug || slug === OPERATOR_WORKSPACE.slug;
}

/** The workspace that is meant, where it may go. @throws InvalidInput naming what is wrong. */
export function requireDeletable(slug: string, confirm: string): string {
  if (isPermanent(slug)) throw new InvalidInput('slug', `the workspace "${slug}" is never deleted`);
  if (confirm === slug) return slug;
  throw new InvalidInput('confirm', 'must repeat the slug: all data of the workspace goes, for good');
}

/** As text of an answer, whatever was asked for. */
export function shownSlug(slug: string): string {
  return JSON.stringify(slug.slice(0, SHOWN_MAX));
}
