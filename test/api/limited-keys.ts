import type { Grant } from '../../src/domain/actor.ts';
import type { Scope } from '../../src/domain/actor-role.ts';
import type { TestServer } from '../support/server.ts';

/** A key of the role, limited past the API, and with these scopes or all that its role grants. */
export async function keyOf(
  server: TestServer,
  role: Grant['role'],
  limits: Partial<Pick<Grant, 'prompts' | 'channels'>> = {},
  scopes?: readonly Scope[],
): Promise<string> {
  const { id, key } = await server.createKey(role);
  await server.database.query(
    'UPDATE "api_key" SET prompts = $2, channels = $3, scopes = coalesce($4, scopes) WHERE id = $1',
    [
      id,
      limits.prompts ? JSON.stringify(limits.prompts) : null,
      limits.channels ? JSON.stringify(limits.channels) : null,
      scopes ?? null,
    ],
  );
  return key;
}
