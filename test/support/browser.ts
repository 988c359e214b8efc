import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';

const chromiumPath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';

/** Why browser tests cannot run here, or null when they can. */
export const browserMissing: string | null = existsSync(chromiumPath)
  ? null
  : `there is no Chromium at ${chromiumPath}: install Debian's "chromium", or set CHROMIUM_PATH`;

/** Starts a headless Chromium that asks nobody but the test's server for anything. The caller closes it. */
export async function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** Keeps a picture of the page for a person to look at, when SCREENSHOT_DIR says where. */
export async function keepScreenshot(page: Page, name: string): Promise<void> {
  const directory = process.env['SCREENSHOT_DIR'];
  if (directory) await page.screenshot({ path: join(directory, `${name}.png`) });
}

export type Section = 'Headers' | 'Operation Editor' | 'Result Window';

/** The text of one of GraphiQL's editors without its blanks, which Monaco shows as other characters. */
export async function textOfEditor(page: Page, section: Section): Promise<string> {
  const lines = await page
    .getByRole('region', { name: section })
    .locator('.view-line:visible')
    .allInnerTexts();
  return lines.join('').replace(/[\s\u00a0]/g, '');
}
