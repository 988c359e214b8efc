import { graphql } from '../support/gql/index.ts';

export const SetPolicy = graphql(`
  mutation RequestsPolicy($input: SetChannelPolicyInput!) {
    setChannelPolicy(input: $input) {
      __typename
      ... on ChannelPolicy {
        pattern
        approvals
        soak {
          channel
          minutes
        }
        channel {
          name
          policies {
            pattern
          }
        }
      }
      ... on Error {
        message
      }
    }
  }
`);

export const Ask = graphql(`
  mutation RequestsAsk($input: RequestPromotionInput!) {
    requestPromotion(input: $input) {
      __typename
      ... on PromotionRequest {
        id
        status
      }
      ... on AlreadyRequested {
        request {
          id
        }
      }
      ... on Error {
        code
        message
      }
    }
  }
`);

export const Review = graphql(`
  mutation RequestsReview($input: ReviewPromotionInput!) {
    reviewPromotion(input: $input) {
      __typename
      ... on PromotionRequest {
        status
        approvals {
          have
          need
          rejections
        }
        promotion {
          breakGlass
          request {
            id
          }
          actor {
            kind
          }
        }
        reviews {
          decision
          comment
          reviewer {
            kind
          }
          contentHash
        }
      }
      ... on RequestClosed {
        request {
          status
        }
      }
      ... on Error {
        code
      }
    }
  }
`);

export const Promote = graphql(`
  mutation RequestsPromote($input: PromoteVersionInput!) {
    promoteVersion(input: $input) {
      __typename
      ... on Promotion {
        breakGlass
      }
      ... on PromotionBlocked {
        code
        message
        blockers {
          code
          slug
          have
          need
          until
          channel
        }
      }
      ... on Error {
        code
      }
    }
  }
`);

export const Plan = graphql(`
  query RequestsPlan($slug: String!, $version: Int!) {
    prompt(slug: $slug) {
      promotionPlan(version: $version) {
        version {
          number
        }
        serving {
          number
        }
        diff {
          unified
        }
        variablesAdded
        variablesRemoved
        policy {
          approvals
        }
        blockers {
          code
          have
          need
        }
        request {
          id
        }
        approvers {
          kind
          name
        }
        allowed
      }
    }
  }
`);

export const List = graphql(`
  query RequestsList($filter: PromotionRequestFilter, $first: Int!) {
    promotionRequests(filter: $filter, first: $first) {
      totalCount
      edges {
        node {
          id
          status
          contentHash
          prompt {
            slug
          }
          version {
            number
          }
          serving {
            number
          }
          servingNow {
            number
          }
          diff {
            added
          }
          diffNow {
            added
          }
          approvals {
            have
            need
          }
          blockers {
            code
          }
          requester {
            name
          }
        }
      }
    }
  }
`);
