/**
 * What every answer says to browsers: take it for what it says that it is, run nothing in it, show it in no frame, tell nobody where it
 * stood, lend it to no page of another origin. GraphiQL's page and files set policies of their own.
 */
export const SECURITY_HEADERS: readonly (readonly [name: string, value: string])[] = [
  ['x-content-type-options', 'nosniff'],
  ['content-security-policy', "default-src 'none'; frame-ancestors 'none'"],
  ['cross-origin-resource-policy', 'same-origin'],
  ['referrer-policy', 'no-referrer'],
  ['permissions-policy', 'camera=(), geolocation=(), microphone=(), payment=(), usb=()'],
];
