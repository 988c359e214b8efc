import pg from 'pg';

/**
 * Why the driver could not use this URL, or null. Nothing is connected to, and no part of the URL is repeated: it holds a
 * password. The driver itself is asked, because its URLs are wider than those of the standard (`postgresql://u@/db?host=/dir`).
 */
export function databaseUrlFault(text: string): string | null {
  const [address = ''] = text.split('?', 1);
  try {
    decodeURIComponent(address);
  } catch {
    return 'it holds a "%" that starts no escape: write it as %25';
  }
  try {
    const { port } = new pg.Client({ connectionString: text });
    return Number.isInteger(port) && port >= 1 && port <= 65_535
      ? null
      : 'its port is no number from 1 to 65535';
  } catch (error) {
    if (error instanceof Error && /^E[A-Z]+: /.test(error.message)) return error.message;
    return 'it is no URL: the port is a number up to 65535, and "@", ":", "/", "?", "#" in a user or password are written as %40, %3A, %2F, %3F, %23';
  }
}
