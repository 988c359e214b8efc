import { GraphQLError, Kind, Lexer, parse, Source, TokenKind } from 'graphql';
import type {
  ASTNode,
  DocumentNode,
  ExecutableDefinitionNode,
  FieldNode,
  FragmentDefinitionNode,
  SelectionSetNode,
} from 'graphql';

/**
 * What one GraphQL document may hold. From `depth` on they count an operation with its fragments expanded.
 * `fields` makes the token limit hold after expansion too; `repeats` is one response name within one selection set,
 * because merging equal fields costs the square of their number.
 */
export const QUERY_LIMITS = {
  /** UTF-16 units of the document's text. */
  length: 2 * 1024 * 1024,
  tokens: 1_500,
  /** Comments are no tokens to graphql's parser, which reads any number of them. */
  comments: 1_500,
  depth: 12,
  /** Fields on a path that leads through `__schema` or `__type`. */
  introspectionDepth: 20,
  aliases: 15,
  directives: 20,
  rootFields: 10,
  fields: 1_500,
  repeats: 50,
  /** Lists and objects within each other in the variables' values; a JSON value of ours has 64 and stands in five more. */
  variablesDepth: 80,
  /** What an operation may read with its variables: see `row-budget.ts`. */
  rows: 15_000,
} as const;

/**
 * Fields that read no rows, but take the time or the memory of about as many: a rendered text has up to 16 MiB. A text has up to
 * 1 MiB, so an operation holds 15,000 / 21 of them, some 700 MiB, if each is as large as can be; the largest seen in use has 230 kB,
 * most a few kB. More rows for a text would refuse what is ordinary: five versions of each of a hundred prompts. `config` and
 * `variables` are not counted, although they may be as large, because nobody's are.
 */
export const ROWS_OF_WORK = {
  template: 20,
  messages: 20,
  lint: 50,
  usage: 100,
  diff: 200,
  diffNow: 200,
  promotionPlan: 50,
  rollout: 20,
  render: 500,
} as const;

/** For graphql's `validate(..., { maxErrors })`: an answer full of errors is an amplifier too. */
export const MAX_VALIDATION_ERRORS = 5;

type Limit = keyof typeof QUERY_LIMITS;
type Cost = Record<(typeof OPERATION_LIMITS)[number] | 'ownRepeats', number>;
type CostOfFragment = (name: string) => Cost;

/**
 * Fragments are held to these on their own as well, because graphql's rules walk the unused ones too. Not to a depth:
 * that is another one in introspection, and only the operation tells where a fragment stands.
 */
const FRAGMENT_LIMITS = ['aliases', 'directives', 'fields', 'repeats'] as const;
const OPERATION_LIMITS = ['depth', 'introspectionDepth', 'rootFields', ...FRAGMENT_LIMITS] as const;
const NOTHING: Readonly<Cost> = emptyCost();

/** Parses a document of bounded size. Throws a GraphQLError: `QUERY_LIMIT`, or graphql's own syntax error. */
export function parseWithLimits(source: string): DocumentNode {
  if (source.length > QUERY_LIMITS.length) throw limitError('length', source.length);
  if (hasTooManyComments(source)) throw limitError('comments', QUERY_LIMITS.comments + 1);
  try {
    return parse(source, { maxTokens: QUERY_LIMITS.tokens });
  } catch (error) {
    // graphql reports too many tokens as a syntax error that only its wording tells from others, so they are counted.
    if (hasTooManyTokens(source)) throw limitError('tokens', QUERY_LIMITS.tokens + 1);
    throw error;
  }
}

/**
 * What a document from `parseWithLimits` exceeds: at most one error for each limit, none when all hold.
 * Before graphql's own rules, never beside them: only then is a refused document a cheap one.
 * Linear in the document, whatever its fragments expand to, because a fragment is counted once.
 */
export function queryLimitErrors(document: DocumentNode): readonly GraphQLError[] {
  const errors = new Map<Limit, GraphQLError>();
  const costOfFragment = fragmentCosts(document);
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION && definition.kind !== Kind.FRAGMENT_DEFINITION)
      continue;
    const cost = costOfDefinition(definition, costOfFragment);
    for (const limit of definition.kind === Kind.FRAGMENT_DEFINITION ? FRAGMENT_LIMITS : OPERATION_LIMITS) {
      if (cost[limit] <= QUERY_LIMITS[limit] || errors.has(limit)) continue;
      errors.set(limit, limitError(limit, cost[limit], definition));
    }
  }
  return [...errors.values()];
}

/** Counts each fragment once. A cycle counts as nothing where it closes: graphql's NoFragmentCyclesRule reports it. */
function fragmentCosts(document: DocumentNode): CostOfFragment {
  const definitions = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) definitions.set(definition.name.value, definition);
  }
  const costs = new Map<string, Cost>();
  return function costOfFragment(name) {
    const known = costs.get(name);
    if (known !== undefined) return known;
    const definition = definitions.get(name);
    if (definition === undefined) return NOTHING;
    costs.set(name, NOTHING);
    const cost = costOfDefinition(definition, costOfFragment);
    costs.set(name, cost);
    return cost;
  };
}

function costOfDefinition(definition: ExecutableDefinitionNode, costOfFragment: CostOfFragment): Cost {
  const cost = costOfSelectionSet(definition.selectionSet, costOfFragment);
  cost.directives += definition.directives?.length ?? 0;
  for (const variable of definition.variableDefinitions ?? [])
    cost.directives += variable.directives?.length ?? 0;
  return cost;
}

function costOfSelectionSet(set: SelectionSetNode, costOfFragment: CostOfFragment): Cost {
  const cost = emptyCost();
  const timesOfName = new Map<string, number>();
  let repeatsSpread = 0;

  function addSelections(selections: SelectionSetNode['selections']): void {
    for (const selection of selections) {
      cost.directives += selection.directives?.length ?? 0;
      if (selection.kind === Kind.INLINE_FRAGMENT) {
        addSelections(selection.selectionSet.selections);
      } else if (selection.kind === Kind.FRAGMENT_SPREAD) {
        const fragment = costOfFragment(selection.name.value);
        addCost(cost, fragment);
        // An upper bound, as if all fragments repeated the same name: exact counting would not be linear.
        repeatsSpread += fragment.ownRepeats;
      } else {
        addCost(cost, costOfField(selection, costOfFragment));
        const name = (selection.alias ?? selection.name).value;
        timesOfName.set(name, (timesOfName.get(name) ?? 0) + 1);
      }
    }
  }

  addSelections(set.selections);
  cost.ownRepeats = Math.max(0, ...timesOfName.values()) + repeatsSpread;
  cost.repeats = Math.max(cost.repeats, cost.ownRepeats);
  return cost;
}

function costOfField(field: FieldNode, costOfFragment: CostOfFragment): Cost {
  const inner = field.selectionSet ? costOfSelectionSet(field.selectionSet, costOfFragment) : NOTHING;
  const cost = {
    ...inner,
    aliases: inner.aliases + (field.alias ? 1 : 0),
    fields: inner.fields + 1,
    rootFields: 1,
  };
  if (field.name.value === '__schema' || field.name.value === '__type') {
    return { ...cost, depth: 1, introspectionDepth: 1 + Math.max(inner.depth, inner.introspectionDepth) };
  }
  cost.depth = inner.depth + 1;
  if (inner.introspectionDepth > 0) cost.introspectionDepth = inner.introspectionDepth + 1;
  return cost;
}

/** Everything but `ownRepeats`, which only the names of the whole set can tell. */
function addCost(total: Cost, part: Readonly<Cost>): void {
  total.aliases += part.aliases;
  total.directives += part.directives;
  total.fields += part.fields;
  total.rootFields += part.rootFields;
  total.depth = Math.max(total.depth, part.depth);
  total.introspectionDepth = Math.max(total.introspectionDepth, part.introspectionDepth);
  total.repeats = Math.max(total.repeats, part.repeats);
}

function emptyCost(): Cost {
  const totals = { aliases: 0, directives: 0, rootFields: 0, fields: 0 };
  return { ...totals, depth: 0, introspectionDepth: 0, repeats: 0, ownRepeats: 0 };
}

function hasTooManyTokens(source: string): boolean {
  const lexer = new Lexer(new Source(source));
  try {
    for (let tokens = 0; tokens <= QUERY_LIMITS.tokens; tokens += 1) {
      if (lexer.advance().kind === TokenKind.EOF) return false;
    }
    return true;
  } catch {
    // A character that GraphQL does not know, before the limit: the syntax error at hand is the right answer.
    return false;
  }
}

const STRING_OR_COMMENT = /["#]/g;

function hasTooManyComments(source: string): boolean {
  let comments = 0;
  // More strings than tokens are the parser's to refuse, so they need not be looked through.
  let strings = 0;
  let at = 0;
  while (comments <= QUERY_LIMITS.comments && strings <= QUERY_LIMITS.tokens) {
    STRING_OR_COMMENT.lastIndex = at;
    const start = STRING_OR_COMMENT.exec(source)?.index;
    if (start === undefined) return false;
    const isComment = source[start] === '#';
    if (isComment) comments += 1;
    else strings += 1;
    at = isComment ? endOfLine(source, start) : endOfString(source, start);
  }
  return comments > QUERY_LIMITS.comments;
}

function endOfLine(source: string, start: number): number {
  let at = start;
  while (at < source.length && source[at] !== '\n' && source[at] !== '\r') at += 1;
  return at;
}

/** One past the closing quotes; a string that is not closed ends where graphql's lexer gives up on it. */
function endOfString(source: string, start: number): number {
  if (!source.startsWith('"""', start)) {
    let at = start + 1;
    while (at < source.length && source[at] !== '"' && source[at] !== '\n' && source[at] !== '\r') {
      at += source[at] === '\\' ? 2 : 1;
    }
    return at + 1;
  }
  let end = source.indexOf('"""', start + 3);
  while (end !== -1 && source[end - 1] === '\\') end = source.indexOf('"""', end + 3);
  return end === -1 ? source.length : end + 3;
}

export function limitError(limit: Limit, count: number, node?: ASTNode): GraphQLError {
  const max = QUERY_LIMITS[limit];
  // Fragment bombs count to 2^n; beyond this JSON numbers are no longer exact, and nobody needs them to be.
  const found = Math.min(count, Number.MAX_SAFE_INTEGER);
  const seen =
    limit === 'tokens' || limit === 'comments' || limit === 'variablesDepth'
      ? `more than ${max}`
      : String(found);
  return new GraphQLError(`Query limit exceeded: ${seen} ${LIMIT_TEXT[limit]}, at most ${max} allowed`, {
    ...(node === undefined ? {} : { nodes: [node] }),
    extensions: { code: 'QUERY_LIMIT', limit, max, found },
  });
}

function rowsOfWorkText(): string {
  const works = Object.entries(ROWS_OF_WORK).map(([field, rows]) => `${field} ${rows}`);
  return `what is no row counts as several, each time: ${works.join(', ')}`;
}

const LIMIT_TEXT: Readonly<Record<Limit, string>> = {
  length: 'characters of document (send long values as variables)',
  tokens: 'tokens',
  comments: 'comments',
  depth: 'levels of fields',
  introspectionDepth: 'levels of introspection fields',
  aliases: 'aliases',
  directives: 'directives',
  rootFields: 'root fields',
  fields: 'fields with fragments expanded',
  repeats: 'repetitions of a field in one selection set',
  variablesDepth: 'levels of lists and objects in the variables',
  rows: `rows to read (ask for smaller pages; ${rowsOfWorkText()})`,
};
