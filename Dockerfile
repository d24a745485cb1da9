# The sallyport image: emitted JavaScript and production packages only, no shell script, no writable path.
# docker build -t sallyport . && docker run --read-only --cap-drop ALL -v "$PWD/sallyport:/etc/sallyport:ro" -p 8443:8443 sallyport
ARG NODE_VERSION=26.10.0

FROM node:${NODE_VERSION}-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# The `node` package among the development packages is for machines with an old Node; here the base image is current.
RUN npm ci --ignore-scripts
COPY rolldown.config.ts ./
COPY core core
COPY policy policy
COPY certs certs
COPY proxy proxy
COPY cli cli
RUN node node_modules/rolldown/bin/cli.mjs -c rolldown.config.ts

FROM node:${NODE_VERSION}-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts

FROM node:${NODE_VERSION}-bookworm-slim
LABEL org.opencontainers.image.title="sallyport" \
      org.opencontainers.image.description="Layer 7 microsegmentation: mutual TLS, SPIFFE identities, Istio AuthorizationPolicy" \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE deploy/openssl.cnf ./
# A number, so that runAsNonRoot can be checked without the image's /etc/passwd.
USER 65532:65532
# 8443 listener, 15021 status; the admin address stays on loopback.
EXPOSE 8443 15021
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
  CMD ["node", "-e", "require('node:http').get('http://127.0.0.1:15021/healthz',(r)=>process.exit(r.statusCode===200?0:1)).on('error',()=>process.exit(1))"]
# Exec form: node is process 1 and receives SIGTERM itself. Objects of a proxy die young: a small
# space for them saves memory (node bench/main.ts streams) and costs no time that could be measured.
ENTRYPOINT ["node", "--openssl-config=openssl.cnf", "--max-semi-space-size=2", "dist/cli/main.js"]
CMD ["proxy", "--config", "/etc/sallyport/config.yaml"]
