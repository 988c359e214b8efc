export type {
  JsonValue,
  Message,
  MessageRole,
  Rendered,
  RenderedMessages,
  ServedPrompt,
  Source,
  TransportName,
  Variable,
} from './types.ts';
