import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createPromptForge } from '../../src/sdk/client.ts';
import type { PromptForge } from '../../src/sdk/client.ts';
import { systemClock } from '../../src/sdk/clock.ts';
import type { Clock } from '../../src/sdk/clock.ts';
import { bundleFile, diskCache } from '../../src/sdk/disk.ts';
import { ADMIN_KEY, freePort, makeRoom, post, removeRoom, until } from './harness.ts';
import { SLUGS, snapshotText } from './sdk-files.ts';
import { onStage } from './stage.ts';
import type { RowOptions, RowResult, Stage } from './stage.ts';

const TRANSPORTS = ['websocket', 'sse', 'polling'] as const;
/** Stands in texts that are changed on their way. */
const MARK = 'flip-one-byte-of-this';
/** Polls come every half second instead of every five. */
const HURRIED: Clock = { ...systemClock, after: (delayMs, run) => systemClock.after(delayMs / 10, run) };
const EDIT =
  'mutation ($template: String!, $slug: String!) { editPrompt(input: { slug: $slug, content: { template: $template } }) { ... on PromptVersion { number } ... on Error { message } } }';
const PROMOTE =
  'mutation ($version: Int!, $slug: String!) { promoteVersion(input: { slug: $slug, channel: "stable", version: $version }) { ... on Error { message } } }';

/** Row 53: bytes are changed on the wire, in the database, in the cache file and in the bootstrap file; each `faults` times. */
export async function contentIntegrity(options: RowOptions): Promise<RowResult> {
  const files = await damagedFiles(options);
  const { flips, unused: filesNotUsed, leftOut: entriesLeftOut, findings: inFiles } = files;
  const figures = { fileFlips: flips, filesNotUsed, entriesLeftOut };
  // The short form is the files' alone: the wire has its cases in the contract, the database in test/sdk/integrity.test.ts.
  if (options.lenient === true) return { acknowledged: 0, faults: flips, findings: inFiles, figures };
  const wire = await onStage('row53', options, async (stage) => {
    const node = await stage.startNode();
    const proxy = await startFlippingProxy(Number(new URL(node.url).port), stage.random);
    stage.atEnd(() => proxy.close());
    const onTheWire = await flippedOnTheWire(stage, node.url, proxy, options.faults);
    const inTheDatabase = await flippedInTheDatabase(stage, node.url);
    const findings = [...onTheWire.findings, ...inTheDatabase.findings];
    return {
      faults: onTheWire.flips + inTheDatabase.flips,
      findings,
      figures: { wireFlips: onTheWire.flips, databaseFlips: inTheDatabase.flips },
    };
  });
  return {
    ...wire,
    faults: wire.faults + flips,
    findings: [...wire.findings, ...inFiles],
    figures: { ...wire.figures, ...figures },
  };
}

/** Any byte of a file, anywhere: what is served of it afterwards is what was written, or nothing. */
async function damagedFiles({ faults }: RowOptions, random = Math.random) {
  const room = await makeRoom();
  const path = join(room, 'prompts.json');
  const good = Buffer.from(snapshotText(1));
  const right = new Map(
    (
      JSON.parse(good.toString()) as { entries: { served: { slug: string; template: string } }[] }
    ).entries.map(({ served }) => [served.slug, served.template]),
  );
  const url = `http://127.0.0.1:${await freePort()}`;
  const findings: string[] = [];
  const counts = { flips: 0, unused: 0, leftOut: 0 };
  try {
    for (let run = 0; run < faults * 2; run += 1) {
      const bad = Buffer.from(good);
      const at = Math.floor(random() * bad.length);
      bad[at] = (bad[at] ?? 0) ^ (1 << Math.floor(random() * 8));
      await writeFile(path, bad);
      const file = run % 2 === 0 ? { cache: diskCache(path) } : { bootstrap: bundleFile(path) };
      const client = createPromptForge({
        url,
        apiKey: 'pf_key',
        transports: ['sse'],
        log: () => undefined,
        ...file,
      });
      await client.ready({ timeoutMs: 150 }).catch(() => undefined);
      const slugs = client.slugs();
      for (const slug of slugs)
        if (client.get(slug).template !== right.get(slug) || client.get(slug).version !== 1)
          findings.push(`byte ${at}: ${slug} is served with what was not written`);
      counts.flips += 1;
      if (slugs.length === 0) counts.unused += 1;
      else counts.leftOut += SLUGS.length - slugs.length;
      await client.close();
    }
    return { ...counts, findings };
  } finally {
    await removeRoom(room);
  }
}

async function flippedOnTheWire(stage: Stage, url: string, proxy: FlippingProxy, faults: number) {
  const slug = 'a';
  const clients = TRANSPORTS.map((transport) => follow(stage, proxy.url, transport));
  await Promise.all(clients.map(({ client }) => client.ready({ timeoutMs: 20_000 })));
  const findings: string[] = [];
  for (let run = 0; run < faults; run += 1) {
    const before = await edit(url, slug, `${run}, as it was sent`);
    await promote(url, slug, before);
    await until('all serve it', () => clients.every(({ client }) => versionOf(client, slug) === before));
    const version = await edit(url, slug, `${run} ${MARK}`);
    for (const { heard } of clients) heard.splice(0);
    proxy.flip(true);
    await promote(url, slug, version);
    await until('all have refused it', () => clients.every(({ heard }) => heard.length > 0), 60_000);
    proxy.flip(false);
    // Until it comes as it was sent, or the next version does, the one before is served.
    for (const { client, transport } of clients)
      if (client.get(slug).template !== `${run}, as it was sent`)
        findings.push(`${transport}: another text is served`);
  }
  return { flips: proxy.flipped(), findings };
}

/** Behind the back of the server, and past the triggers: it serves what is stored, the client does not. */
async function flippedInTheDatabase(stage: Stage, url: string) {
  const slug = 'b';
  const clients = TRANSPORTS.map((transport) => follow(stage, url, transport));
  await Promise.all(clients.map(({ client }) => client.ready({ timeoutMs: 20_000 })));
  const before = await edit(url, slug, 'as it was saved');
  await promote(url, slug, before);
  await until('all serve it', () => clients.every(({ client }) => versionOf(client, slug) === before));
  const version = await edit(url, slug, 'as it was saved, too');
  await stage.query(
    `SET session_replication_role = replica; UPDATE prompt_version SET template = 'as it was not saved' WHERE number = ${version} AND prompt_id = (SELECT id FROM prompt WHERE slug = '${slug}')`,
  );
  for (const { heard } of clients) heard.splice(0);
  await promote(url, slug, version);
  const answer = await (
    await fetch(`${url}/v1/prompts/${slug}`, { headers: { authorization: `Bearer ${ADMIN_KEY}` } })
  ).text();
  await until('all have refused it', () => clients.every(({ heard }) => heard.length > 0), 60_000);
  const findings = clients.flatMap(({ client, transport }) =>
    versionOf(client, slug) === before
      ? []
      : [`${transport}: version ${versionOf(client, slug)} of the database is served`],
  );
  if (!answer.includes('as it was not saved'))
    findings.push('the server did not serve what was stored: nothing was tried');
  return { flips: clients.length, findings };
}

function follow(stage: Stage, url: string, transport: (typeof TRANSPORTS)[number]) {
  const heard: string[] = [];
  const options = { url, apiKey: ADMIN_KEY, transports: [transport], log: () => undefined };
  const client = createPromptForge(options, transport === 'polling' ? { clock: HURRIED } : {});
  // What cannot be read at all is refused as well as what can and does not fit.
  client.on('error', (error) => heard.push(error.message));
  stage.atEnd(() => client.close());
  return { client, heard, transport };
}

function versionOf(client: PromptForge, slug: string): number | null {
  return client.slugs().includes(slug) ? client.get(slug).version : null;
}

async function edit(url: string, slug: string, template: string): Promise<number> {
  const { data } = (await post(url, EDIT, { slug, template })) as {
    data: { editPrompt: { number: number } };
  };
  return data.editPrompt.number;
}

async function promote(url: string, slug: string, version: number): Promise<void> {
  await post(url, PROMOTE, { slug, version });
}

interface FlippingProxy {
  readonly url: string;
  flip(isOn: boolean): void;
  flipped(): number;
  close(): void;
}

/** Between clients and a node: while it flips, one bit of the marked text is another on its way to a client. */
async function startFlippingProxy(port: number, random: (below: number) => number): Promise<FlippingProxy> {
  let isOn = false;
  let flips = 0;
  const server = createServer((client) => {
    const node = connect(port, '127.0.0.1');
    client.pipe(node);
    node.on('data', (data) => {
      for (let at = isOn ? data.indexOf(MARK) : -1; at !== -1; at = data.indexOf(MARK, at + MARK.length)) {
        const place = at + random(MARK.length);
        data[place] = (data[place] ?? 0) ^ (1 << random(8));
        flips += 1;
      }
      client.write(data);
    });
    for (const socket of [client, node])
      socket.on('error', () => undefined).on('close', () => void (client.destroy(), node.destroy()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    flip: (next) => (isOn = next),
    flipped: () => flips,
    close: () => void server.close(),
  };
}
