import { isUuid } from '../domain/ids.ts';

const NODE_TYPES: ReadonlySet<string> = new Set([
  'ApiKey',
  'Channel',
  'Event',
  'Member',
  'Prompt',
  'PromptVersion',
  'Promotion',
  'PromotionRequest',
  'Workspace',
]);

export interface NodeId {
  readonly typename: string;
  readonly id: string;
}

/** An id that no row has. What is no id of ours becomes it, so that garbage is answered exactly as an unknown id: null. */
const NOBODY: NodeId = { typename: 'Workspace', id: '00000000-0000-0000-0000-000000000000' };

export function encodeNodeId(typename: string, id: string | number | bigint): string {
  return Buffer.from(`${typename}:${id}`).toString('base64');
}

/** Parses the inside too: what reaches Prisma is a UUID or, for an event, a sequence. */
export function decodeNodeId(globalId: string): NodeId {
  const [typename = '', id = '', ...rest] = Buffer.from(globalId, 'base64').toString('utf8').split(':');
  if (!NODE_TYPES.has(typename) || rest.length > 0) return NOBODY;
  const isInner = typename === 'Event' ? /^[1-9]\d{0,17}$/.test(id) : isUuid(id);
  return isInner ? { typename, id } : NOBODY;
}

/** The inner id of a global id that must be of one type; what is none of it becomes an id that no row has. */
export function innerId(typename: string, globalId: string): string {
  const decoded = decodeNodeId(globalId);
  return decoded.typename === typename ? decoded.id : NOBODY.id;
}
