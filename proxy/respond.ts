// The one place that turns a reason into an answer of our own (RFC 9457 problem details).
// Strangers get status and code; an authenticated peer of the own trust domain also gets the rule's id.
import { REASONS, type Reason } from '../core/reasons.ts';

/** What the answer may say. */
export interface Answer {
  readonly reason: Reason;
  /** Overrides the reason's status (`sallyport.dev/deny-status`). */
  readonly status?: number;
  readonly requestId: string;
  /** Rule ids, given only for peers that may see them. */
  readonly rules: readonly string[];
  readonly close: boolean;
  /** True for HEAD: the same head, no body. */
  readonly headOnly: boolean;
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  414: 'URI Too Long',
  417: 'Expectation Failed',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
};

/** The status sent for `reason`; 0 when nothing can be sent. */
export function statusOf(reason: Reason, denyStatus: 403 | 404 = 403): number {
  return reason === 'deny-rule' ? denyStatus : REASONS[reason].status;
}

/** The whole response as latin1 text, ready to write. */
export function problemResponse(answer: Answer): string {
  const status = answer.status ?? REASONS[answer.reason].status;
  const title = TITLES[status] ?? 'Error';
  // 404 is chosen to hide a workload: then the body must not say that a policy denied.
  const code = status === 404 ? 'not-found' : answer.reason;
  const rules = status === 404 || answer.rules.length === 0 ? '' : `,"rules":${JSON.stringify(answer.rules)}`;
  const id = answer.requestId === '' ? '' : `,"requestId":${JSON.stringify(answer.requestId)}`;
  const body = `{"type":"about:blank","title":"${title}","status":${status},"code":"${code}"${id}${rules}}\n`;
  const length = Buffer.byteLength(body);
  const allow = status === 405 ? 'allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n' : '';
  const requestId = answer.requestId === '' ? '' : `x-request-id: ${answer.requestId}\r\n`;
  const head =
    `HTTP/1.1 ${status} ${title}\r\ncontent-type: application/problem+json\r\ncontent-length: ${length}\r\n` +
    `cache-control: no-store\r\n${allow}${requestId}${answer.close ? 'connection: close\r\n' : ''}\r\n`;
  return answer.headOnly ? head : head + body;
}
