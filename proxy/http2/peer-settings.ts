// What the peer's SETTINGS say (RFC 9113 section 6.5.2).
import * as f from './frame.ts';

const SETTING_BYTES = 6;

/** Why a SETTINGS frame ends the connection. */
export interface SettingsFault {
  readonly code: number;
  readonly message: string;
}

export class PeerSettings {
  windowBytes = f.WINDOW_BYTES;
  frameBytesMax = f.FRAME_BYTES_MAX;
  streamsMax = Number.POSITIVE_INFINITY;
  headerTableBytes = 4_096;
  /** The least that the last frame named: RFC 7541 section 4.2, the encoder tells of it, too. */
  headerTableBytesLeast = 4_096;
  /** True once the first frame of settings came. */
  known = false;

  /** Takes the settings in `payload[start, end)`; null when they are valid. */
  take(payload: Buffer, start: number, end: number): SettingsFault | null {
    this.headerTableBytesLeast = Number.POSITIVE_INFINITY;
    for (let at = start; at < end; at += SETTING_BYTES) {
      const identifier = ((payload[at] ?? 0) << 8) | (payload[at + 1] ?? 0);
      const fault = this.set(identifier, f.readUint32(payload, at + 2));
      if (fault !== null) return fault;
    }
    this.known = true;
    return null;
  }

  private set(identifier: number, value: number): SettingsFault | null {
    switch (identifier) {
      case f.SETTINGS_HEADER_TABLE_SIZE:
        this.headerTableBytes = value;
        this.headerTableBytesLeast = Math.min(this.headerTableBytesLeast, value);
        return null;
      case f.SETTINGS_ENABLE_PUSH:
        return value > 1 ? { code: f.PROTOCOL_ERROR, message: 'ENABLE_PUSH is neither 0 nor 1' } : null;
      case f.SETTINGS_MAX_CONCURRENT_STREAMS:
        this.streamsMax = value;
        return null;
      case f.SETTINGS_INITIAL_WINDOW_SIZE:
        if (value > f.WINDOW_BYTES_MAX)
          return { code: f.FLOW_CONTROL_ERROR, message: 'INITIAL_WINDOW_SIZE is above 2^31-1' };
        this.windowBytes = value;
        return null;
      case f.SETTINGS_MAX_FRAME_SIZE:
        if (value < f.FRAME_BYTES_MAX || value > 0xffffff)
          return { code: f.PROTOCOL_ERROR, message: 'MAX_FRAME_SIZE is not within 2^14 and 2^24-1' };
        this.frameBytesMax = value;
        return null;
      default:
        return null; // RFC 9113 section 6.5.2: unknown ones are ignored
    }
  }
}
