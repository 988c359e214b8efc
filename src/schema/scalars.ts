import { GraphQLDateTimeISO, GraphQLJSON } from 'graphql-scalars';
import { ROLES } from '../domain/actor-role.ts';
import { MESSAGE_ROLES, VARIABLE_TYPES } from '../domain/template.ts';
import type { JsonValue } from '../domain/template.ts';
import { builder } from './builder.ts';

// Scalars, and the enums that more than one noun uses.

builder.scalarType('DateTime', {
  description: 'A point in time as RFC 3339 text in UTC with milliseconds, such as 2026-11-23T09:30:00.000Z.',
  specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time.html',
  serialize: (value) => value.toISOString(),
  parseValue: (value) => GraphQLDateTimeISO.parseValue(value),
  parseLiteral: (node) => GraphQLDateTimeISO.parseLiteral(node, undefined),
});

builder.scalarType('JSON', {
  description: 'Any JSON value.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc8259',
  serialize: (value) => value,
  parseValue: (value) => value as JsonValue,
  parseLiteral: (node, variables) => GraphQLJSON.parseLiteral(node, variables) as JsonValue,
});

export const PromptKind = builder.enumType('PromptKind', {
  description: 'What the content of a prompt is; fixed at creation.',
  values: {
    TEXT: { description: 'One template.' },
    CHAT: { description: 'A list of messages, each a template.' },
  } as const,
});

const ROLE_DESCRIPTIONS = {
  SYSTEM: 'Instructions to the model.',
  USER: 'What the user says.',
  ASSISTANT: 'What the model said, as an example or so far.',
  TOOL: 'What a tool answered.',
} as const;

const TYPE_DESCRIPTIONS = {
  STRING: 'A string; for a variable that is not declared, a number or boolean too.',
  NUMBER: 'A finite number.',
  BOOLEAN: 'true or false.',
  ENUM: 'One of `options`.',
  JSON: 'Any JSON value.',
} as const;

export const MessageRole = builder.enumType('MessageRole', {
  description: 'Who speaks in a message.',
  values: Object.fromEntries(
    MESSAGE_ROLES.map((role) => [role, { description: ROLE_DESCRIPTIONS[role] }]),
  ) as Record<(typeof MESSAGE_ROLES)[number], { description: string }>,
});

export const VariableType = builder.enumType('VariableType', {
  description: 'What values a variable takes.',
  values: Object.fromEntries(
    VARIABLE_TYPES.map((type) => [type, { description: TYPE_DESCRIPTIONS[type] }]),
  ) as Record<(typeof VARIABLE_TYPES)[number], { description: string }>,
});

export const ReviewDecision = builder.enumType('ReviewDecision', {
  description: 'What a reviewer says.',
  values: {
    APPROVE: { description: 'The channel may serve it.' },
    REJECT: { description: 'The channel must not serve it.' },
  } as const,
});

const PERMISSIONS = {
  VIEWER: 'Reads everything.',
  EDITOR: 'A VIEWER who also writes prompts and asks for promotions.',
  RELEASER: 'An EDITOR who also promotes, reviews and rolls back.',
  ADMIN: 'A RELEASER who also manages channels, policies, members and keys, and may break the glass.',
  SERVICE: 'Reads what channels serve and follows them; keys only.',
  OPERATOR: 'Manages the workspaces of an installation and sees into none; made at its console only.',
} as const;

export const Role = builder.enumType('Role', {
  description: 'What somebody may do, as far as the scopes of a key and the limits of a grant let it.',
  values: Object.fromEntries(ROLES.map((role) => [role, { description: PERMISSIONS[role] }])) as Record<
    (typeof ROLES)[number],
    { description: string }
  >,
});
