interface Address {
  readonly host: string;
  readonly port: number;
}

/** Why the server cannot listen, by the name of the variable that says where, and with what to do. */
export function listenFault(error: NodeJS.ErrnoException, { host, port }: Address): Error {
  const told = toldBy(error.code ?? '', { host: JSON.stringify(host), port });
  return told === null ? error : new Error(told, { cause: error });
}

function toldBy(
  code: string,
  { host, port }: { readonly host: string; readonly port: number },
): string | null {
  const example = 'for example 127.0.0.1, or 0.0.0.0 for all addresses of this machine';
  switch (code) {
    case 'EADDRINUSE':
      return `port ${port} of ${host} is taken: stop what listens there, or set PORT to another one`;
    case 'EACCES':
      return `port ${port} of ${host} may not be used by this account: set PORT to one above 1023`;
    case 'EADDRNOTAVAIL':
      return `HOST is ${host}, which is no address of this machine: set HOST to one that is, ${example}`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `HOST is ${host}, a name that nobody knows: set HOST to an address of this machine, ${example}`;
    default:
      return null;
  }
}
