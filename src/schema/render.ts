import type { ServedVersion } from '../db/serving.ts';
import { InvalidInput } from '../domain/errors.ts';
import { renderTemplate } from '../domain/template.ts';
import type { JsonValue, Message } from '../domain/template.ts';
import { storedContent } from '../domain/version.ts';
import type { Content } from '../domain/version.ts';
import { builder } from './builder.ts';
import { ErrorInterface } from './errors.ts';
import { fromSnapshot } from './from-snapshot.ts';

interface Rendered {
  readonly text: string | null;
  readonly messages: readonly Message[] | null;
}

const RenderedPrompt = builder.objectRef<Rendered>('RenderedPrompt').implement({
  description: 'A version with its variables filled in.',
  fields: (t) => ({
    text: t.exposeString('text', {
      nullable: true,
      extensions: fromSnapshot<Rendered>(({ text }) => text),
      description: 'TEXT: the text.',
    }),
    messages: t.field({
      type: ['Message'],
      nullable: true,
      extensions: fromSnapshot<Rendered>(({ messages }) => messages),
      description: 'CHAT: the messages.',
      resolve: ({ messages }) => messages,
    }),
  }),
});

interface VariableFaults {
  readonly missing: readonly string[];
  readonly unknown: readonly string[];
  readonly invalid: readonly string[];
}

const VariablesInvalid = builder
  .objectRef<VariableFaults & { code: string; message: string }>('VariablesInvalid')
  .implement({
    description: 'The values do not fit the version; everything that is wrong, at once.',
    interfaces: [ErrorInterface],
    fields: (t) => ({
      missing: t.stringList({
        extensions: fromSnapshot<VariableFaults>(({ missing }) => missing),
        description: 'Required and not given.',
        resolve: ({ missing }) => [...missing],
      }),
      unknown: t.stringList({
        extensions: fromSnapshot<VariableFaults>(({ unknown }) => unknown),
        description: 'Given and neither declared nor in the text.',
        resolve: ({ unknown }) => [...unknown],
      }),
      invalid: t.stringList({
        extensions: fromSnapshot<VariableFaults>(({ invalid }) => invalid),
        description: 'Given with a value of the wrong type.',
        resolve: ({ invalid }) => [...invalid],
      }),
    }),
  });

const RenderResult = builder.unionType('RenderResult', {
  description: 'The filled version, or what is wrong with the values.',
  types: [RenderedPrompt, VariablesInvalid],
  resolveType: (result) => ('missing' in result ? VariablesInvalid : RenderedPrompt),
});

builder.prismaObjectField('PromptVersion', 'render', (t) =>
  t.field({
    type: RenderResult,
    skipTypeScopes: true,
    description: 'Fills the holes. A value is never scanned again, nothing is escaped.',
    args: {
      variables: t.arg({ type: 'JSON', description: 'An object: a value by each name.' }),
      strict: t.arg.boolean({
        defaultValue: true,
        description: 'false: missing holes stay as written, unknown values are ignored.',
      }),
    },
    extensions: fromSnapshot<ServedVersion, RenderArgs>(({ content }, args) => rendered(content, args)),
    select: { template: true, messages: true, config: true, variables: true },
    resolve: (version, args) => rendered(storedContent(version), args),
  }),
);

interface RenderArgs {
  readonly variables?: JsonValue | undefined;
  readonly strict?: boolean | null | undefined;
}

/** @throws InvalidInput */
function rendered(content: Content, { variables, strict }: RenderArgs) {
  const outcome = renderTemplate(content, content.variables, requireValues(variables ?? {}), {
    strict: strict ?? true,
  });
  if (outcome.ok) return outcome;
  return { ...outcome, code: 'VARIABLES_INVALID', message: 'the values do not fit the version' };
}

function requireValues(values: JsonValue): { readonly [name: string]: JsonValue } {
  if (typeof values === 'object' && values !== null && !isList(values)) return values;
  throw new InvalidInput('variables', 'must be an object: a value by each name');
}

function isList(value: object): value is readonly JsonValue[] {
  return Array.isArray(value);
}
