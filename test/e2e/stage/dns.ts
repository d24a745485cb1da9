// A DNS server that answers as a test says (RFC 1035 section 4), and remembers what it was asked.
import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';

const TYPE_A = 1;
const TYPE_AAAA = 28;
const HEADER = 12;

/** Addresses of a name; a list of lists answers the next list at each question for IPv4. */
export type Zone = Record<string, readonly string[] | readonly (readonly string[])[]>;

export class DnsServer {
  readonly zone: Zone;
  readonly asked: string[] = [];
  private readonly socket: dgram.Socket;

  private constructor(zone: Zone, socket: dgram.Socket) {
    this.zone = zone;
    this.socket = socket;
    socket.on('message', (question, from) => {
      const answer = this.answer(question);
      socket.send(answer, from.port, from.address);
    });
  }

  static async start(zone: Zone): Promise<DnsServer> {
    const socket = dgram.createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new DnsServer(zone, socket);
  }

  get address(): string {
    return `127.0.0.1:${this.socket.address().port}`;
  }

  close(): void {
    this.socket.close();
  }

  private answer(question: Buffer): Buffer {
    const labels: string[] = [];
    let at = HEADER;
    for (let length = question[at] ?? 0; length > 0; length = question[at] ?? 0) {
      labels.push(question.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
    const name = labels.join('.').toLowerCase();
    const type = question.readUInt16BE(at + 1);
    const end = at + 5;
    this.asked.push(`${type === TYPE_A ? 'A' : 'AAAA'} ${name}`);
    const known = name in this.zone;
    const records = this.addresses(name, type).map((address) => record(address, type));
    const head = Buffer.alloc(HEADER);
    question.copy(head, 0, 0, 2);
    head.writeUInt16BE(known ? 0x8180 : 0x8183, 2); // a response; NXDOMAIN for unknown names
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(records.length, 6);
    return Buffer.concat([head, question.subarray(HEADER, end), ...records]);
  }

  private addresses(name: string, type: number): readonly string[] {
    const entry = this.zone[name] ?? [];
    const [first] = entry;
    let list = entry as readonly string[];
    if (Array.isArray(first)) {
      const turns = entry as readonly (readonly string[])[];
      const turn = this.asked.filter((one) => one === `A ${name}`).length - 1;
      list = turns[Math.min(Math.max(turn, 0), turns.length - 1)] ?? [];
    }
    return list.filter((address) => net.isIP(address) === (type === TYPE_A ? 4 : type === TYPE_AAAA ? 6 : 0));
  }
}

/** One resource record for the name of the question, which nobody may keep. */
function record(address: string, type: number): Buffer {
  const data = type === TYPE_A ? Buffer.from(address.split('.').map(Number)) : ipv6(address);
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function ipv6(address: string): Buffer {
  const mapped = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const hex = (a = '0', b = '0'): string => ((Number(a) << 8) | Number(b)).toString(16);
  const text = mapped ? `${mapped[1]}${hex(mapped[2], mapped[3])}:${hex(mapped[4], mapped[5])}` : address;
  const [left = '', right = ''] = text.split('::');
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const [before, after] = [groups(left), groups(right)];
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => 0);
  const bytes = Buffer.alloc(16);
  for (const [i, group] of [...before, ...zeros, ...after].entries()) bytes.writeUInt16BE(group, i * 2);
  return bytes;
}
