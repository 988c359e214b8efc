import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate } from 'node:timers/promises';

import { createSchema, createYoga } from 'graphql-yoga';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { createGraphiql } from '../../src/server/graphiql.ts';
import { browserMissing, keepScreenshot, launchBrowser, textOfEditor } from '../support/browser.ts';
import type { Section } from '../support/browser.ts';

if (browserMissing) console.warn(`GraphiQL is not tested in a browser: ${browserMissing}`);

const apiKey = 'pf_+/=&%23_a-key-of-all-characters';
const link = (key: string) => `${origin}/graphql#key=${encodeURIComponent(key)}`;
// As editorText() reads them: without blanks.
const signedIn = `{"Authorization":"Bearer${apiKey}"}`;
const hint = '{"Authorization":"Bearer<yourAPIkey>"}';

const schema = createSchema({
  typeDefs: /* GraphQL */ `
    type Query {
      viewer: Viewer!
      prompts(first: Int): PromptConnection!
    }
    type Viewer {
      actor: Actor!
      workspace: Workspace!
      role: String!
      scopes: [String!]!
    }
    type Actor {
      kind: String!
      name: String!
    }
    type Workspace {
      slug: String!
      name: String!
    }
    type PromptConnection {
      totalCount: Int!
      pageInfo: PageInfo!
      edges: [PromptEdge!]!
    }
    type PageInfo {
      hasNextPage: Boolean!
      endCursor: String
    }
    type PromptEdge {
      node: Prompt!
    }
    type Prompt {
      slug: String!
      kind: String!
      description: String
      tags: [String!]!
      latest: PromptVersion!
    }
    type PromptVersion {
      number: Int!
    }
    type Subscription {
      ticks: Int!
    }
  `,
  resolvers: {
    Query: {
      viewer: () => ({
        actor: { kind: 'API_KEY', name: 'admin' },
        workspace: { slug: 'default', name: 'Default' },
        role: 'ADMIN',
        scopes: ['prompts:read'],
      }),
      prompts: () => ({
        totalCount: 1,
        pageInfo: { hasNextPage: false },
        edges: [{ node: { slug: 'support/assistant', kind: 'CHAT', tags: ['demo'], latest: { number: 3 } } }],
      }),
    },
    Subscription: {
      ticks: {
        async *subscribe() {
          for (const ticks of [1, 2, 3]) {
            await setImmediate();
            yield { ticks };
          }
        },
      },
    },
  },
});

const yoga = createYoga({ schema, graphiql: false, logging: false });
const graphiql = createGraphiql({ endpoint: '/graphql', assetsPath: '/graphiql/', title: 'PromptForge' });
const requests: string[] = [];
const acceptedTypes: string[] = [];

const server = createServer((req, res) => {
  const path = new URL(req.url ?? '/', 'http://localhost').pathname;
  requests.push(`${req.method} ${req.url}`);
  if (graphiql.asset(req, res, path)) return;
  if (req.method === 'GET') return graphiql.page(req, res);
  if (req.headers.authorization !== `Bearer ${apiKey}`) {
    res.writeHead(401, { 'content-type': 'application/json' }).end('{"errors":[{"message":"no such key"}]}');
    return;
  }
  acceptedTypes.push(String(req.headers.accept));
  void yoga(req, res);
});

let origin: string;
let browser: Browser;
let context: BrowserContext;
let page: Page;
let complaints: string[];

const editorText = (section: Section) => textOfEditor(page, section);

const execute = () => page.getByRole('button', { name: /^Execute query/ }).click();
const tab = (name: string) => page.locator('.graphiql-tab-button', { hasText: name });
const tabNames = () => page.locator('.graphiql-tab-button').allInnerTexts();

async function replaceQuery(text: string): Promise<void> {
  await page.getByRole('region', { name: 'Operation Editor' }).locator('.view-lines').click();
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText(text);
}

/** Types the key over the hint, which ends one character before the end of the editor's second line. */
async function replaceHint(key: string): Promise<void> {
  await page.getByRole('region', { name: 'Headers' }).locator('.view-lines:visible').click();
  for (const press of ['Control+Home', 'ArrowDown', 'End', 'ArrowLeft']) await page.keyboard.press(press);
  for (const _ of '<your API key>') await page.keyboard.press('Backspace');
  await page.keyboard.insertText(key);
}

describe.skipIf(browserMissing !== null)('GraphiQL in a browser', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    browser = await launchBrowser();
  }, 60_000);

  afterAll(async () => {
    await browser.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  beforeEach(async () => {
    requests.length = 0;
    acceptedTypes.length = 0;
    complaints = [];
    context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    page = await context.newPage();
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => {
      const url = request.url();
      if (!url.startsWith(`${origin}/`) && !url.startsWith('data:'))
        complaints.push(`left the origin: ${url}`);
    });
  });

  afterEach(async () => context.close());

  async function open(url: string, headers: string): Promise<void> {
    await page.goto(url);
    await expect.poll(() => editorText('Headers'), { timeout: 20_000 }).toBe(headers);
  }

  async function storedTabs(): Promise<void> {
    const read = () => page.evaluate("sessionStorage.getItem('graphiql:tabState')");
    await expect.poll(read, { timeout: 20_000 }).not.toBeNull();
  }

  it('opens from its link signed in, and answers the query of the first tab', async () => {
    await open(link(apiKey), signedIn);
    expect(page.url()).toBe(`${origin}/graphql`);
    await execute();
    await expect
      .poll(() => editorText('Result Window'), { timeout: 20_000 })
      .toContain('"support/assistant"');
    await keepScreenshot(page, 'graphiql');
    expect(await tabNames()).toEqual(['WhoAmI', 'OnePrompt', 'FollowStable', 'PromoteVersion', 'AuditTrail']);
    expect(acceptedTypes, 'the schema and the query').toHaveLength(2);
    expect(requests.filter((line) => line.includes('pf_'))).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it('is still signed in, with the same tabs, after a reload, and keeps nothing past the browser tab', async () => {
    await open(link(apiKey), signedIn);
    await storedTabs();
    await open(page.url(), signedIn);
    expect(await tabNames()).toHaveLength(5);
    expect(await page.evaluate('localStorage.length')).toBe(0);
    expect(await context.cookies()).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it('takes the key of another link that is opened in the same browser tab', async () => {
    await open(link('pf_of-another-workspace'), '{"Authorization":"Bearerpf_of-another-workspace"}');
    await storedTabs();
    await open(link(apiKey), signedIn);
    expect(page.url()).toBe(`${origin}/graphql`);
    await tab('OnePrompt').click();
    await expect.poll(() => editorText('Operation Editor')).toContain('queryOnePrompt');
    expect(await editorText('Headers')).toBe(signedIn);
    expect(await tabNames()).toHaveLength(5);
    expect(acceptedTypes, 'the schema, read with the new key').toHaveLength(1);
  });

  it('without a key shows where to type one, and a typed one signs in every tab', async () => {
    await open(`${origin}/graphql`, hint);
    await replaceHint(apiKey);
    await expect.poll(() => editorText('Headers')).toBe(signedIn);
    await execute();
    await expect
      .poll(() => editorText('Result Window'), { timeout: 20_000 })
      .toContain('"support/assistant"');
    await tab('OnePrompt').click();
    await expect.poll(() => editorText('Operation Editor')).toContain('queryOnePrompt');
    await expect.poll(() => editorText('Headers')).toBe(signedIn);
  });

  it('runs subscriptions over SSE with the key of the headers editor', async () => {
    await open(link(apiKey), signedIn);
    await replaceQuery('subscription Ticks { ticks }');
    await expect.poll(() => editorText('Operation Editor')).toBe('subscriptionTicks{ticks}');
    await execute();
    const result = async () => {
      const text = await editorText('Result Window');
      // Until the page has seen which operation was typed it cannot tell which one to run.
      if (/Cannot\s*infer/.test(text)) await execute();
      return text;
    };
    await expect.poll(result, { timeout: 20_000, interval: 500 }).toContain('"ticks":3');
    expect(acceptedTypes.at(-1)).toBe('text/event-stream');
    expect(requests.at(-1), 'the query is not in a URL, which would be logged').toBe('POST /graphql');
    expect(page.url(), 'the query is not copied into the address').toBe(`${origin}/graphql`);
    expect(complaints).toEqual([]);
  });
});
