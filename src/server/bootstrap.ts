import { randomBytes } from 'node:crypto';
import type { App } from '../actions/app.ts';
import type { Reader } from '../db/client.ts';
import { systemActor } from '../domain/actor.ts';
import type { Actor } from '../domain/actor.ts';
import { scopesOf } from '../domain/actor-role.ts';
import { SlugTaken } from '../domain/prompt.ts';
import { DEFAULT_WORKSPACE, OPERATOR_WORKSPACE } from '../domain/workspace.ts';

/** Makes sure that the level of the operators exists. @returns its id. */
export async function ensureOperatorWorkspace(app: App): Promise<string> {
  return (await app.ensureWorkspace(OPERATOR_WORKSPACE)).id;
}

/** Makes sure that the default workspace exists and, where wanted, that an empty one holds something to look at. @returns its id. */
export async function ensureDefaultWorkspace(
  app: App,
  reader: Reader,
  { demo }: { readonly demo: boolean },
): Promise<string> {
  const { id: workspaceId } = await app.ensureWorkspace(DEFAULT_WORKSPACE);
  const isEmpty = async () =>
    (await reader.prompt.findFirst({ where: { workspaceId }, select: { id: true } })) === null;
  if (demo && (await isEmpty())) await seedDemo(app, systemActor(workspaceId)).catch(ignoreSlugTaken);
  return workspaceId;
}

/**
 * Makes an admin key when nobody could administer the workspace: none is configured, and none in the database is in force. Called when
 * the server listens: a key that is made by a start that fails afterwards would never be shown.
 * @returns the key in clear, at the one and only time, or null.
 */
export async function createFirstKey(app: App, reader: Reader, workspaceId: string): Promise<string | null> {
  const where = { workspaceId, role: 'ADMIN', revokedAt: null } as const;
  if ((await reader.apiKey.findFirst({ where, select: { id: true } })) !== null) return null;
  const actor = systemActor(workspaceId);
  const { key } = await app.createApiKey(actor, {
    name: 'first admin',
    role: 'ADMIN',
    scopes: scopesOf('ADMIN'),
    secret: randomBytes(32),
  });
  return key;
}

// Another node that starts at the same moment seeds it.
function ignoreSlugTaken(error: unknown): void {
  if (!(error instanceof SlugTaken)) throw error;
}

const SLUG = 'support/assistant';
const VARIABLES = [
  { name: 'product', description: 'What the customer bought' },
  { name: 'customer', description: 'First name of the customer' },
  { name: 'tone', type: 'ENUM', options: ['friendly', 'formal'], default: 'friendly' },
] as const;
const CONFIG = { model: 'any', temperature: 0.3 };

async function seedDemo(app: App, actor: Actor): Promise<void> {
  await app.createPrompt(actor, {
    slug: SLUG,
    description: 'Answers customers of the shop',
    tags: ['demo', 'support'],
    owner: 'support team',
    content: {
      template: 'You are a support assistant for {{product}}.\nHelp {{customer}}.\n',
      config: CONFIG,
    },
    message: 'First draft',
  });
  await app.editPrompt(actor, {
    slug: SLUG,
    content: {
      template:
        'You are a {{tone}} support assistant for {{product}}.\nGreet {{customer}} by name, then answer in at most three sentences.\n',
      config: CONFIG,
      variables: VARIABLES,
    },
    message: 'Shorter answers, and a tone',
  });
  await app.promoteVersion(actor, { slug: SLUG, version: 2, reason: 'Reviewed with the support team' });
  await app.editPrompt(actor, {
    slug: SLUG,
    content: {
      template:
        'You are a {{tone}} support assistant for {{product}}.\nGreet {{customer}} by name, then answer in at most three sentences.\nWhen you are not sure, say so and offer to hand over to a person.\n',
      config: CONFIG,
      variables: VARIABLES,
    },
    message: 'Hand over when unsure',
  });
}
