import type { Browser } from 'playwright-core';
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

  it.each(exampleOperations)('answers the example operation %#', async (operation) => {
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

    it('opens signed in from the printed link and runs a query', async () => {
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
      await page.getByRole('button', { name: /^Execute query/ }).click();
      await expect
        .poll(() => textOfEditor(page, 'Result Window'), { timeout: 30_000 })
        .toContain('"role":"ADMIN"');
      await keepScreenshot(page, 'graphiql-signed-in');
      expect(complaints).toEqual([]);
    });
  });
});
