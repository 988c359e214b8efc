import { renderTemplate } from '../domain/template.ts';
import type { JsonValue } from '../domain/template.ts';
import type { Served } from '../delivery/representation.ts';
import { parseJsonObject } from './body.ts';
import { badRequest, ProblemError } from './problem.ts';

const RENDER_EXAMPLE = '{"variables":{"name":"Ada"}}';

/** What a request to render gives. */
export interface Values {
  readonly variables: Record<string, JsonValue>;
  readonly strict: boolean;
}

/** @throws ProblemError 400 */
export function parseValues(body: Buffer): Values {
  const parsed = parseJsonObject(body, RENDER_EXAMPLE);
  const { variables = {}, strict = true } = parsed;
  if (typeof variables !== 'object' || variables === null || Array.isArray(variables)) {
    throw new ProblemError(
      badRequest('"variables" must be an object of values by name', { field: 'variables' }),
    );
  }
  if (typeof strict !== 'boolean')
    throw new ProblemError(badRequest('"strict" must be true or false', { field: 'strict' }));
  return { variables: variables as Record<string, JsonValue>, strict };
}

/** The prompt with its values put in, as JSON. @throws ProblemError 400 VARIABLES_INVALID */
export function renderServed({ source }: Served, slug: string, { variables, strict }: Values): Buffer {
  const { content, version, channel } = source;
  const outcome = renderTemplate(content, content.variables, variables, { strict });
  if (!outcome.ok) {
    const { missing, unknown, invalid } = outcome;
    throw new ProblemError({
      ...badRequest('the values do not fit the prompt', { missing, unknown, invalid }),
      code: 'VARIABLES_INVALID',
    });
  }
  const text = content.kind === 'TEXT' ? { text: outcome.text } : { messages: outcome.messages };
  return Buffer.from(JSON.stringify({ slug, version, channel, ...text }));
}
