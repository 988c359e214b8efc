import { defineConfig } from 'prisma/config';

/** For `prisma generate` and, where a user wants it, `prisma migrate status` against their own DATABASE_URL. */
export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  datasource: { url: process.env['DATABASE_URL'] ?? '' },
});
