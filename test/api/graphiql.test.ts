import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exampleOperations } from '../../src/server/graphiql-examples.ts';
import { browserMissing, keepScreenshot, launchBrowser, textOfEditor } from '../support/browser.ts';
import { startTestServer } from '../support/server.ts';
import type { TestServer } from '../support/server.ts';

if (browserMissing !== null) console.warn(`the signed-in link is not opened in a browser: ${browserMissing}`);

describe('GraphiQL on the real server', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ config: { demo: true } });
  });
  afterAll(() => server.close());

  const answered = exampleOperations.filter((operation) => !/^subscription/m.test(operation));
  it.each(answered)('answers the example operation %#', async (operation) => {
    const answer = await server.execute<Record<string, unknown>, never>(operation);
    expect(Object.values(answer.data())[0]).not.toBeNull();
    expect(JSON.stringify(answer.data())).toMatch(
      /support assistant|support\/assistant|"__typename":"Promotion"|VersionPromoted/,
    );
  });

  it('serves the page to browsers only, and the API to nobody without a key', async () => {
    const page = await fetch(`${server.url}/graphql`, { headers: { accept: 'text/html,*/*' } });
    expect(page.headers.get('content-type')).toContain('text/html');
    const api = await fetch(`${server.url}/graphql?query={viewer{role}}`, {
      headers: { accept: 'application/json' },
    });
    expect(api.status).toBe(401);
  });

  describe.skipIf(browserMissing !== null)('in a browser', { timeout: 90_000 }, () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await launchBrowser();
    }, 60_000);
    afterAll(() => browser.close());

    /** A page of GraphiQL that is signed in, and what went wrong on it. */
    async function open(): Promise<{ page: Page; complaints: string[] }> {
      const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
      const complaints: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error') complaints.push(message.text());
      });
      page.on('request', (request) => {
        if (!request.url().startsWith(server.url) && !request.url().startsWith('data:'))
          complaints.push(request.url());
      });
      await page.goto(`${server.url}/graphql#key=${encodeURIComponent(server.adminKey)}`);
      await expect.poll(() => textOfEditor(page, 'Headers'), { timeout: 30_000 }).toContain(server.adminKey);
      expect(page.url()).toBe(`${server.url}/graphql`);
      return { page, complaints };
    }
    const expectResult = async (page: Page, expected: RegExp) => {
      await expect.poll(() => textOfEditor(page, 'Result Window'), { timeout: 30_000 }).toMatch(expected);
    };

    it('opens signed in from the printed link and runs a query', async () => {
      const { page, complaints } = await open();
      await page.getByRole('button', { name: /^Execute query/ }).click();
      await expectResult(page, /"role":"ADMIN"/);
      await keepScreenshot(page, 'graphiql-signed-in');
      expect(complaints).toEqual([]);
    });

    it('shows what the channel serves, then a promotion when it happens, with the key of the headers editor', async () => {
      const { page, complaints } = await open();
      await promote(2);
      await page.locator('.graphiql-tab-button', { hasText: 'FollowStable' }).click();
      await expect
        .poll(() => textOfEditor(page, 'Operation Editor'), { timeout: 30_000 })
        .toContain('subscriptionFollowStable');
      await page.getByRole('button', { name: /^Execute query/ }).click();
      await expectResult(page, /"__typename":"ChannelSnapshot".*"number":2/);
      await promote(3);
      await expectResult(page, /"__typename":"VersionPromoted".*"number":3/);
      await keepScreenshot(page, 'graphiql-promotion');
      await page.getByRole('button', { name: /^Stop query/ }).click();
      await expect.poll(subscriptions, { timeout: 10_000 }).toBe(0);
      expect(complaints).toEqual([]);
    });

    async function promote(version: number): Promise<void> {
      const input = `{ slug: "support/assistant", version: ${version} }`;
      (await server.execute(`mutation { promoteVersion(input: ${input}) { __typename } }`)).data();
    }

    async function subscriptions(): Promise<number> {
      const text = await (await server.get('/metrics')).text();
      return Number(/^promptforge_subscriptions (\d+)$/m.exec(text)?.[1]);
    }
  });
});
