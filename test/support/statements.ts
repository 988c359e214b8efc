import pg from 'pg';

/** One statement as it went to PostgreSQL, and what it was sent for. */
export interface SentStatement {
  readonly text: string;
  readonly values: readonly unknown[];
  readonly operation: string;
}

export interface StatementLog {
  /** What is sent from now on is for this. */
  during(operation: string): void;
  /** Each text once for each operation, with the values of its first time. */
  all(): SentStatement[];
  stop(): void;
}

/** Listens to every connection of this process that is opened as one of the server's: what Prisma tells of a query lacks its values' forms. */
export function recordStatements(): StatementLog {
  const { prototype } = pg.Client;
  const original: unknown = Reflect.get(prototype, 'query');
  const sent = new Map<string, SentStatement>();
  let operation = 'start';
  function query(this: pg.Client, ...args: unknown[]) {
    const statement = statementOf(args);
    if (statement !== null && isOfServer(this))
      sent.set(`${operation} ${statement.text}`, {
        ...statement,
        operation,
        ...sent.get(`${operation} ${statement.text}`),
      });
    return Reflect.apply(original as (...all: unknown[]) => unknown, this, args);
  }
  Reflect.set(prototype, 'query', query);
  return {
    during: (name) => {
      operation = name;
    },
    all: () => [...sent.values()],
    stop: () => {
      Reflect.set(prototype, 'query', original);
    },
  };
}

function isOfServer(client: pg.Client): boolean {
  const settings: unknown = Reflect.get(client, 'connectionParameters');
  const name: unknown = Reflect.get(settings as object, 'application_name');
  return typeof name === 'string' && name.startsWith('promptforge:');
}

function statementOf([first, second]: readonly unknown[]): Omit<SentStatement, 'operation'> | null {
  if (typeof first === 'string') return { text: first, values: Array.isArray(second) ? second : [] };
  const { text, values } = (first ?? {}) as { text?: unknown; values?: unknown };
  if (typeof text !== 'string') return null;
  return { text, values: Array.isArray(values) ? values : Array.isArray(second) ? second : [] };
}
