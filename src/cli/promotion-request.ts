import { randomUUID } from 'node:crypto';
import { EXIT_CODE } from './exit-codes.ts';
import type { ExitCode } from './exit-codes.ts';
import type { AskPromotionMutation, RequestedPromotionFragment } from './generated/operations.ts';
import { mutate, refusalOf } from './graph.ts';
import type { Request } from './graphql-client.ts';
import type { MoveOptions } from './move.ts';
import { minute, print, printJson } from './output.ts';
import type { Aim } from './promotion-plan.ts';

const ASK_PROMOTION = /* GraphQL */ `
  mutation AskPromotion($input: RequestPromotionInput!) {
    requestPromotion(input: $input) {
      __typename
      ... on PromotionRequest {
        ...RequestedPromotion
      }
      ... on Error {
        code
        message
      }
      ... on AlreadyRequested {
        request {
          ...RequestedPromotion
        }
      }
    }
  }
  fragment RequestedPromotion on PromotionRequest {
    id
    status
    expiresAt
    reason
    approvals {
      have
      need
      rejections
    }
    requester {
      kind
      name
    }
  }
`;

/** Asks the reviewers for a promotion; that somebody asks for it already is as good. */
export async function requestPromotion(
  request: Request,
  aim: Aim,
  { reason, json }: MoveOptions,
): Promise<ExitCode> {
  const input = { ...aim, reason, idempotencyKey: randomUUID() };
  const { requestPromotion: result } = await mutate<AskPromotionMutation>(request, ASK_PROMOTION, { input });
  if (result.__typename === 'PromotionRequest') report(aim, result, json, 'asked for');
  else if (result.__typename === 'AlreadyRequested')
    report(aim, result.request, json, 'is asked for already');
  else throw refusalOf(result);
  return EXIT_CODE.DONE;
}

function report(aim: Aim, asked: RequestedPromotionFragment, json: boolean | undefined, said: string): void {
  const { slug, channel, version } = aim;
  if (json === true) printJson({ slug, channel, version, request: asked });
  else {
    const { have, need } = asked.approvals;
    print(
      `${slug}: version ${version} on ${channel} ${said}: ${have} of ${need} approvals, open until ${minute(asked.expiresAt)}\n`,
    );
    print(`request ${asked.id}\n`);
  }
}
