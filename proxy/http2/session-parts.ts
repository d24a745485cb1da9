// What all sessions of a process share: memory, and the turn in which they send.
import { Buffer } from 'node:buffer';
import { DataBlocks } from './data-queue.ts';
import { Scratch } from './hpack/decoder.ts';
import { Outputs } from './output.ts';

const READ_BYTES = 65_536;

export class SessionParts {
  readonly outputs = new Outputs();
  readonly scratch = new Scratch();
  readonly dataBlocks = new DataBlocks();
  /** Where callers' connections are read to. INVARIANT: nobody keeps a range of it beyond the call. */
  readonly readMemory = Buffer.allocUnsafeSlow(READ_BYTES);
}
