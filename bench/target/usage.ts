// What `bench --target --help` prints.

export const TARGET_USAGE = `usage: sallyport bench --target URL [options]
Sends requests at a constant rate to your own deployment and says how long they took.

  --target URL           https:// or http://, with the path to ask for
  --direct URL           the same application without the proxy: added_* are the difference;
                         without a path, the target's

who calls, and whom
  --cert FILE --key FILE client certificate, leaf first, and its key (PEM)
  --ca FILE              CAs of the server (PEM); without it, those of the system
  --server-id SPIFFE-ID  the server's certificate must have this one URI SAN; without it, the host name
  --servername NAME      host name for SNI and verification, when it is not the URL's
  --insecure             verify nothing, as curl -k does; the result says so

what is sent
  --method GET           HEAD, POST, …
  --header 'NAME: VALUE' may be repeated; sent to --direct too
  --body FILE            at most 16 MiB; the method is then POST unless given
  --expect STATUS        without it any 2xx; other statuses are errors

how much
  --rate N[,N…]          requests a second, at most 50000 (100); several are measured one after the other
  --connections N        keep-alive connections (16)
  --seconds S            one measurement (10)
  --rounds N             target and direct in turn, so often (5)
  --warmup S             before each measurement, not counted (1)
  --timeout S            of one request (10)

what comes out
  --slo OBJECTIVES       "added_p95<5ms,p99<20ms,errors<0.1%"; exit code 1 when one is missed
  --json [FILE]          the result as JSON, on standard output instead of text when no file is named

objectives: METRIC < <= > >= VALUE, separated by commas; each must hold at every rate
  p50 p90 p95 p99 p999 max, added_p50 … added_p999   with a unit: us, ms, s
  errors                                             with %
  rps                                                answers as expected, a second

Exit codes: 0 measured, every objective holds; 1 an objective is missed or could not be measured, or the
target does not answer; 2 wrong usage; 130 interrupted, with what was measured so far.
`;
