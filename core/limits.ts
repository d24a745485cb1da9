// Every limit that is not in the configuration file: name with unit, value, reason. Nothing in sallyport is
// unbounded.

/** Fixed bounds. Those a user may set are in config/schema.ts, with their defaults. */
export const LIMITS = {
  /** How often watched files are looked at without an event, milliseconds: the cost of a missed one. */
  filePollMs: 5_000,
  /** Folders under inotify per watch; a small machine allows 8,192 per user. The rest is polled. */
  watchedFolders: 1_000,
  /** Entries looked at per watch: a mistaken `files: [/]` must not walk the machine. */
  watchedEntries: 20_000,
  /** Folder levels below a watched path; also what ends a symlink that points to its own parent. */
  folderDepth: 8,
  /** Symlinks followed on the way to one path; Linux itself gives up at 40. */
  symlinkHops: 16,
  /** Bytes of a request target; RFC 9110 section 4.1 wants at least 8,000. */
  targetBytes: 16_384,
  /** Bytes of a trailer section with its empty line, and its lines: gRPC and checksums need a few. */
  trailerBytes: 8_192,
  trailers: 32,
  /** Requests in flight on one HTTP/2 connection to the application, where it allows so many. */
  upstreamStreams: 1_000,
  /** Bytes of a PROXY header v2 with its TLVs: addresses take 16 to 232, senders stay below a segment. */
  proxyHeaderBytes: 4_096,
  /** Connections of a listener that wait to begin a handshake; as many as the kernel's backlog. */
  handshakesWaiting: 1_024,
  /** Hosts to which an egress listener keeps connections; the least recently used go first. */
  egressHosts: 1_000,
  /** Connections of the status address, and as many of the admin address; the oldest gives way. */
  localConnections: 50,
  /** How long spans and flow records, and then the last log lines, may take at the end, milliseconds. */
  flushMs: 1_000,
  /** Bytes of the configuration file; the longest sensible one is a few KiB. */
  configFileBytes: 1024 * 1024,
} as const;
