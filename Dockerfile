# syntax=docker/dockerfile:1
# The worker of this repository: its sample playbooks, bundled ahead of time. For a project of your own, whose `.ts` files
# Node runs as they are, leave `npm run build` out and call `node_modules/.bin/countersign`; see docs/operating.md.
# Pin both stages to a digest of your own choice.

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src src
COPY workflows workflows
COPY activities activities
COPY policies policies
RUN npm run build && node dist/src/cli/main.js build --out playbooks
# What runs needs no tools, and not the embedded servers of development.
RUN npm ci --ignore-scripts --omit=dev --omit=optional

FROM node:24-slim
WORKDIR /app
ENV NODE_ENV=production \
    COUNTERSIGN_BUNDLE=/app/playbooks \
    COUNTERSIGN_HEALTH_ADDRESS=0.0.0.0:9464 \
    COUNTERSIGN_LOG_FORMAT=json
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY --from=build /app/policies policies
COPY --from=build /app/playbooks playbooks
USER node
EXPOSE 9464
# A worker that failed ends by itself; this is for whoever runs it without an orchestrator.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9464/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# SIGTERM reaches the worker itself; give it 20 seconds more than its grace (`docker stop --time 30`).
ENTRYPOINT ["node", "dist/src/cli/main.js"]
CMD ["worker"]
