// What `npm run bench:read` compares with besides the bare server: other GraphQL servers as they come, in a process each, started with its name
// and the GraphQL result that it answers. They have PromptForge's schema and hold the answer in memory: no database, no authentication.
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import Fastify from 'fastify';
import { buildSchema } from 'graphql';
import { createYoga } from 'graphql-yoga';
import mercurius from 'mercurius';

const PEERS = { mercurius: startMercurius, apollo: startApollo, yoga: startYoga };

async function startMercurius(schema) {
  const app = Fastify();
  // jit: 1 compiles a document the second time that it comes.
  await app.register(mercurius, { schema, jit: 1 });
  await app.listen({ port: 0, host: '127.0.0.1' });
  return app.server.address().port;
}

async function startApollo(schema) {
  const { url } = await startStandaloneServer(new ApolloServer({ schema }), {
    listen: { port: 0, host: '127.0.0.1' },
  });
  return Number(new URL(url).port);
}

async function startYoga(schema) {
  const yoga = createYoga({ schema, logging: false });
  const server = createServer((req, res) => void yoga(req, res));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server.address().port;
}

const [name, answer] = process.argv.slice(2);
const schema = buildSchema(readFileSync(join(import.meta.dirname, '..', 'schema.graphql'), 'utf8'));
const { prompt } = JSON.parse(answer).data;
schema.getQueryType().getFields().prompt.resolve = () => prompt;
process.on('disconnect', () => process.exit(0));
process.send(await PEERS[name](schema));
