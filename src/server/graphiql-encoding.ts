/** How a text goes over the wire, best first. */
const contentEncodings = ['br', 'gzip', 'identity'] as const;

export type ContentEncoding = (typeof contentEncodings)[number];

/**
 * The smallest encoding that an Accept-Encoding header allows (RFC 9110, 12.5.3).
 * A header that forbids everything still gets `identity`: an answer is more use than a 406.
 */
export function negotiateEncoding(acceptEncoding: string | undefined): ContentEncoding {
  const weights = new Map((acceptEncoding ?? '').toLowerCase().split(',').map(parseCoding));
  const accepts = (encoding: string) => (weights.get(encoding) ?? weights.get('*') ?? 0) > 0;
  return contentEncodings.find(accepts) ?? 'identity';
}

function parseCoding(item: string): [coding: string, weight: number] {
  const [coding = '', ...parameters] = item.split(';').map((part) => part.trim());
  const weight = parameters.find((parameter) => parameter.startsWith('q='));
  return [coding, weight === undefined ? 1 : Number(weight.slice(2)) || 0];
}
