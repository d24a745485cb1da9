// nginx, one worker. Its one rule names method and path; its caller is any certificate of the authority.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasCommand } from '../session.ts';
import { OPENSSL_CONF, type Peer, type PeerSetup, versionOf, waitForPort } from './peer.ts';

export const nginx: Peer = {
  name: 'nginx',
  tls: true,
  rules: 1,
  knowsCallers: false,
  justInTime: false,
  version: () =>
    versionOf('nginx', ['-V'], [/version: nginx\/(\S+)/, /(?:.*running|.*built) with (OpenSSL \S+)/s]),
  missing: () => (hasCommand('nginx', ['-v']) ? null : 'apt-get install -y nginx-light'),
  async start(setup) {
    const { session } = setup;
    const port = await session.freePort();
    const directory = join(session.directory, `nginx-${port}`);
    mkdirSync(directory);
    const file = join(directory, 'nginx.conf');
    writeFileSync(file, configuration(setup, port, directory));
    const child = session.start({
      name: 'nginx',
      command: 'nginx',
      args: ['-p', directory, '-c', file, '-e', 'stderr'],
      env: { OPENSSL_CONF },
      cpu: session.cpus?.proxy,
    });
    await waitForPort(child, port);
    return { port, child };
  },
};

function configuration({ pki, upstreamPort }: PeerSetup, port: number, directory: string): string {
  // `user` keeps the worker able to read the files of this run when it is started by root.
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  return `${user}
worker_processes 1;
daemon off;
pid ${directory}/nginx.pid;
error_log stderr error;
events { worker_connections 8192; }
http {
  access_log off;
  proxy_max_temp_file_size 0;
  client_body_temp_path ${directory}/body;
  proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi;
  uwsgi_temp_path ${directory}/uwsgi;
  scgi_temp_path ${directory}/scgi;
  upstream application {
    server 127.0.0.1:${upstreamPort};
    keepalive 1024;
    keepalive_requests 1000000000;
    keepalive_time 24h;
  }
  server {
    listen 127.0.0.1:${port} ssl backlog=4096;
    ssl_certificate ${pki.server.certificate};
    ssl_certificate_key ${pki.server.key};
    ssl_client_certificate ${pki.authority};
    ssl_verify_client on;
    ssl_protocols TLSv1.3;
    ssl_session_cache off;
    ssl_session_tickets off;
    keepalive_requests 1000000000;
    keepalive_time 24h;
    keepalive_timeout 300s;
    location / { return 403; }
    location /items/ {
      limit_except GET { deny all; }
      proxy_pass http://application;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
    }
  }
}
`;
}
