/** A request's path, and everything after the first question mark: further ones belong to the parameters that they stand in (RFC 3986). */
export function urlParts(url: string): { readonly path: string; readonly search: string } {
  const end = url.indexOf('?');
  return end === -1 ? { path: url, search: '' } : { path: url.slice(0, end), search: url.slice(end + 1) };
}
