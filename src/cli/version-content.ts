import { CliError } from './cli-error.ts';
import { EXIT_CODE } from './exit-codes.ts';
import type { VersionContentFragment } from './generated/operations.ts';
import type { JsonValue, Message, Variable } from '../domain/template.ts';
import { contentHash } from '../domain/version.ts';
import type { Content, ContentInput } from '../domain/version.ts';

/** Beside an operation that asks for it: all that the hash of a version covers. */
export const VERSION_CONTENT = /* GraphQL */ `
  fragment VersionContent on PromptVersion {
    number
    contentHash
    kind
    template
    config
    messages {
      role
      content
      name
    }
    variables {
      name
      type
      required
      default
      description
      options
      declared
    }
  }
`;

/**
 * What a version of the graph holds, held against its hash: a file, or an import elsewhere, is made of it.
 * @throws CliError when something on the way changed it
 */
export function verifiedContent(slug: string, version: VersionContentFragment): Content {
  const content = contentOfVersion(version);
  if (contentHash(content) === version.contentHash) return content;
  throw new CliError(
    EXIT_CODE.REFUSED,
    `${slug}, version ${version.number}: the content does not have the hash that the server names (${version.contentHash}): it was changed on the way or in the database`,
  );
}

/** As mutations take it. */
export function inputOf(content: Content): ContentInput {
  const { config, variables } = content;
  const source = content.kind === 'TEXT' ? { template: content.template } : { messages: content.messages };
  return {
    ...source,
    ...(config === null ? {} : { config }),
    ...(variables.length === 0 ? {} : { variables }),
  };
}

function contentOfVersion({ kind, template, messages, config, variables }: VersionContentFragment): Content {
  const rest = {
    config: (config ?? null) as JsonValue,
    variables: variables.flatMap(({ declared, ...variable }) =>
      declared ? [withoutNulls(variable) as unknown as Variable] : [],
    ),
  };
  if (kind === 'TEXT') return { kind, template: template ?? '', ...rest };
  return { kind, messages: (messages ?? []).map((message) => withoutNulls(message) as Message), ...rest };
}

/** The graph answers what is absent as null; the hash knows absent members only. */
function withoutNulls(members: object): object {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null));
}
