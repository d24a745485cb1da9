// A process that gets one SVID from a Workload API with the client that it is told, and prints what that
// took: CLIENT SOCKET. `none` loads only what every client needs to judge an answer.
const [client = '', socket = ''] = process.argv.slice(2);
const startedMs = performance.now();

/** From the import of the client to the first SVID that is verified, and what is resident then. */
interface Took {
  readonly ms: number;
  readonly rssMb: number;
}

async function viaOurs(): Promise<void> {
  const { openWorkloadApiSource } = await import('../../certs/workload-api/svid-source.ts');
  const source = await openWorkloadApiSource({ socket, trustDomain: 'example.org' });
  if (source.current() === null) throw new Error('no SVID');
}

async function viaGrpcJs(): Promise<void> {
  const grpc = await import('@grpc/grpc-js');
  const judge = await judgeOfAnswers();
  const metadata = new grpc.Metadata();
  metadata.set('workload.spiffe.io', 'true');
  const same = (bytes: Buffer): Buffer => bytes;
  const stub = new grpc.Client(socket, grpc.credentials.createInsecure());
  const path = '/SpiffeWorkloadAPI/FetchX509SVID';
  const stream = stub.makeServerStreamRequest(path, same, same, Buffer.alloc(0), metadata);
  await new Promise<void>((resolve, reject) => {
    stream.on('error', reject);
    stream.on('data', (message: Buffer) => {
      judge(message);
      resolve();
    });
  });
}

/** Everything behind the transport. */
async function judgeOfAnswers(): Promise<(message: Buffer) => void> {
  const { readX509SvidResponse } = await import('../../certs/workload-api/messages.ts');
  const { identityMaterial } = await import('../../certs/workload-api/material.ts');
  const { verifyIdentity } = await import('../../certs/identity-material.ts');
  const { Findings } = await import('../../certs/read-files.ts');
  return (message) => {
    const findings = new Findings();
    const reader = { trustDomain: 'example.org', uri: socket };
    const received = identityMaterial(readX509SvidResponse(message), reader, findings);
    if (received === null || verifyIdentity(received.material, Date.now(), findings) === null)
      throw new Error('no SVID');
  };
}

if (client === 'ours') await viaOurs();
else if (client === 'grpc-js') await viaGrpcJs();
else await judgeOfAnswers();
const took: Took = { ms: performance.now() - startedMs, rssMb: process.memoryUsage.rss() / 1e6 };
console.log(JSON.stringify(took));
process.exit();
