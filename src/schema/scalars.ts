import { GraphQLDateTimeISO, GraphQLJSON } from 'graphql-scalars';
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
