# Not run in this repository's CI: no Docker engine there.
# Debian and not Alpine: the embedded PostgreSQL needs glibc.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run prepare && npm prune --omit=dev --ignore-scripts

FROM node:24-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=4000 PROMPTFORGE_DATA_DIR=/data
WORKDIR /app
# PostgreSQL refuses to run as root, and initdb wants an account that stands in /etc/passwd: this image's "node" has one.
RUN mkdir /data && chown node:node /data
# Owned by node: the embedded PostgreSQL's links, which npm cannot pack, are made at the first start.
COPY --from=build --chown=node:node /app/package.json ./
COPY --from=build --chown=node:node /app/node_modules ./node_modules
COPY --from=build --chown=node:node /app/prisma ./prisma
COPY --from=build --chown=node:node /app/dist ./dist
RUN ln -s /app/dist/cli/main.js /usr/local/bin/promptforge && chmod +x /app/dist/cli/main.js
USER node
VOLUME /data
EXPOSE 4000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/livez`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/main.js"]
