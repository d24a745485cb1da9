// Who opened a connection: the TCP peer, or whom a trusted peer names before the first byte of TLS or HTTP.

/** One end of a connection. `ip` is canonical text. */
export interface Endpoint {
  readonly ip: string;
  readonly port: number;
}

/** Both ends of a connection. */
export interface ConnectionEnds {
  readonly source: Endpoint;
  /** What was connected to. */
  readonly destination: Endpoint;
}

/**
 * What the client's address was derived from. `peer`: the TCP connection itself. `proxy-protocol`: the PROXY
 * header of a trusted peer. `x-forwarded-for`: a trusted hop of one request.
 */
export type RemoteIpSource = 'peer' | 'proxy-protocol' | 'x-forwarded-for';

/** The client of a connection; one request may still name another by X-Forwarded-For. */
export interface ConnectionClient extends ConnectionEnds {
  readonly from: Exclude<RemoteIpSource, 'x-forwarded-for'>;
}
