import type { PromptForge } from './processes.ts';

/** @returns the answer's text, which must hold an id and no error. */
export async function mutate(
  { port, adminKey }: Pick<PromptForge, 'port' | 'adminKey'>,
  query: string,
): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  });
  const text = await response.text();
  if (!text.includes('"id"') || text.includes('"errors"')) throw new Error(`a mutation failed: ${text}`);
  return text;
}
