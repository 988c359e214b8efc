import { v7 } from 'uuid';
import { createApp } from '../../src/actions/app.ts';
import { openDatabase } from '../../src/db/client.ts';
import { systemActor } from '../../src/domain/actor.ts';
import type { CreatePromptInput, EditPromptInput, PromoteVersionInput } from '../support/gql/graphql.ts';
import { graphql } from '../support/gql/index.ts';
import type { TestServer } from '../support/server.ts';

const Create = graphql(`
  mutation RegistryCreate($input: CreatePromptInput!) {
    createPrompt(input: $input) {
      __typename
      ... on Prompt {
        id
        latest {
          id
        }
      }
      ... on Error {
        message
      }
    }
  }
`);

const Edit = graphql(`
  mutation RegistryEdit($input: EditPromptInput!) {
    editPrompt(input: $input) {
      __typename
      ... on PromptVersion {
        id
        number
      }
      ... on Error {
        message
      }
    }
  }
`);

const Promote = graphql(`
  mutation RegistryPromote($input: PromoteVersionInput!) {
    promoteVersion(input: $input) {
      __typename
      ... on Promotion {
        id
        cursor
      }
      ... on Error {
        message
      }
    }
  }
`);

/** Creates a prompt, of one line unless the input has content. Throws when it is refused. */
export async function createPrompt(server: TestServer, slug: string, input: Partial<CreatePromptInput> = {}) {
  const answer = (
    await server.execute(Create, { input: { slug, content: { template: `text of ${slug}` }, ...input } })
  ).data().createPrompt;
  if (answer.__typename !== 'Prompt') throw new Error(`${slug} was not created: ${answer.message}`);
  return { id: answer.id, versionId: answer.latest.id };
}

/** Saves a version. Throws when it is refused. */
export async function editPrompt(
  server: TestServer,
  slug: string,
  input: Partial<EditPromptInput> & Pick<EditPromptInput, 'content'>,
) {
  const answer = (await server.execute(Edit, { input: { slug, ...input } })).data().editPrompt;
  if (answer.__typename !== 'PromptVersion') throw new Error(`${slug} was not edited: ${answer.message}`);
  return answer;
}

/** Promotes a version, to `stable` unless the input says where. Throws when it is refused. */
export async function promote(
  server: TestServer,
  slug: string,
  version: number,
  input: Partial<PromoteVersionInput> = {},
) {
  const answer = (await server.execute(Promote, { input: { slug, version, ...input } })).data()
    .promoteVersion;
  if (answer.__typename !== 'Promotion') throw new Error(`${slug} was not promoted: ${answer.message}`);
  return answer;
}

/** A second workspace with one promoted prompt `secret/plan`, made past the API, which knows one workspace only. */
export async function createOtherWorkspace(
  server: TestServer,
): Promise<{ workspaceId: string; promptId: string }> {
  const opened = openDatabase({
    address: { connectionString: server.database.url },
    onIdleError: () => undefined,
  });
  try {
    const app = createApp({
      writer: opened.writer,
      onCommit: async () => undefined,
      clock: () => new Date(),
      newId: () => v7(),
    });
    const { id: workspaceId } = await app.ensureWorkspace({ slug: 'other', name: 'Other' });
    const actor = systemActor(workspaceId);
    const promptId = await app.createPrompt(actor, {
      slug: 'secret/plan',
      content: { template: 'the secret plan' },
    });
    await app.promoteVersion(actor, { slug: 'secret/plan', version: 1 });
    return { workspaceId, promptId };
  } finally {
    await opened.close();
  }
}
