import { effectiveVariables, renderTemplate } from '../domain/template.ts';
import type { JsonValue, TemplateSource } from '../domain/template.ts';
import { NoContactYet, PromptNotServed, VariablesInvalid, WrongKind } from './errors.ts';
import { hold, parsedOf } from './prompt-state.ts';
import type { Held, PromptState } from './prompt-state.ts';
import type { Fallback, GetOptions, Message, Rendered, RenderedMessages, RenderOptions } from './types.ts';

export type Values = { readonly [name: string]: JsonValue | undefined };

/** The calls of a service: synchronous, from memory. */
export class Reading {
  readonly #state: PromptState;
  readonly #channel: string;
  /** @throws what stands against any answer: the client is closed, or what is known is too old. */
  readonly #refusal: () => Error | null;

  constructor(state: PromptState, channel: string, refusal: () => Error | null) {
    this.#state = state;
    this.#channel = channel;
    this.#refusal = refusal;
  }

  /** @throws PromptNotServed, NoContactYet, or the refusal, if there is no fallback */
  find(slug: string, { fallback }: GetOptions): Held {
    const refusal = this.#refusal();
    const held = refusal === null ? this.#state.find(slug) : undefined;
    if (held !== undefined) return held;
    if (fallback !== undefined) return holdFallback(slug, this.#channel, fallback);
    if (refusal !== null) throw refusal;
    if (this.#state.isAbsent(slug)) throw new PromptNotServed(slug, this.#channel);
    throw new NoContactYet(
      this.#state.isKnown
        ? `what came of "${slug}" was damaged`
        : `nothing is known yet of "${this.#channel}": await ready(), or give a fallback`,
    );
  }

  render(slug: string, values: Values, options: RenderOptions): Rendered {
    const held = this.find(slug, options);
    const { text } = this.#fill(slug, held, values, options);
    if (text === null) throw new WrongKind(slug, held.served.kind);
    return { slug, version: held.served.version, text };
  }

  messages(slug: string, values: Values, options: RenderOptions): RenderedMessages {
    const held = this.find(slug, options);
    const { messages } = this.#fill(slug, held, values, options);
    if (messages === null) throw new WrongKind(slug, held.served.kind);
    return { slug, version: held.served.version, messages };
  }

  #fill(slug: string, held: Held, values: Values, { strict = true }: RenderOptions): Filled {
    const outcome = renderTemplate(parsedOf(held), held.declared, values as { [name: string]: JsonValue }, {
      strict,
    });
    if (!outcome.ok) throw new VariablesInvalid(slug, outcome);
    return outcome;
  }
}

interface Filled {
  readonly text: string | null;
  readonly messages: readonly Message[] | null;
}

function holdFallback(
  slug: string,
  channel: string,
  { config = null, variables = [], ...content }: Fallback,
): Held {
  const source: TemplateSource =
    'template' in content ? { kind: 'TEXT', ...content } : { kind: 'CHAT', ...content };
  const names = new Set(variables.map(({ name }) => name));
  return hold({
    slug,
    version: 0,
    channel,
    kind: source.kind,
    template: source.kind === 'TEXT' ? source.template : null,
    messages: source.kind === 'CHAT' ? source.messages.map((message) => ({ ...message })) : null,
    config: structuredClone(config),
    variables: effectiveVariables(source, variables).map((variable) => ({
      ...variable,
      declared: names.has(variable.name),
    })),
    contentHash: '',
    promotedAt: '',
  });
}
