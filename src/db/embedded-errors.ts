const useYourOwn = 'set DATABASE_URL to use a PostgreSQL of your own';

/** No PostgreSQL binaries for this machine: the package is absent, or they cannot run here. */
export class EmbeddedBinariesMissing extends Error {
  override readonly name = 'EmbeddedBinariesMissing';
  readonly platform: string;

  constructor(fields: { readonly platform: string; readonly reason: string }) {
    super(
      `The embedded PostgreSQL is not available on ${fields.platform}: ${fields.reason}. ` +
        `Install with optional dependencies (no --omit=optional) on glibc Linux, macOS or Windows, or ${useYourOwn}.`,
    );
    this.platform = fields.platform;
  }
}

/** Another live server holds the data directory. `pid` is that server's process (or its PostgreSQL's, while it starts). */
export class DataDirectoryInUse extends Error {
  override readonly name = 'DataDirectoryInUse';
  readonly dataDirectory: string;
  readonly pid: number;

  constructor(fields: { readonly dataDirectory: string; readonly pid: number }) {
    super(
      `The data directory ${fields.dataDirectory} is in use by process ${fields.pid}. ` +
        `Stop that server first, give this one another data directory, or ${useYourOwn}.`,
    );
    this.dataDirectory = fields.dataDirectory;
    this.pid = fields.pid;
  }
}

/** The data directory was written by another major version of PostgreSQL. */
export class WrongPostgresMajor extends Error {
  override readonly name = 'WrongPostgresMajor';
  readonly dataDirectory: string;
  readonly found: string;
  readonly expected: string;

  constructor(fields: { readonly dataDirectory: string; readonly found: string; readonly expected: string }) {
    super(
      `The data in ${fields.dataDirectory} was written by PostgreSQL ${fields.found}; this release brings ` +
        `PostgreSQL ${fields.expected}, which cannot read it. Install the release that wrote it, run \`promptforge backup\`, ` +
        `and \`promptforge restore\` the file into a new data directory with this release; or ${useYourOwn}. Nothing was changed.`,
    );
    this.dataDirectory = fields.dataDirectory;
    this.found = fields.found;
    this.expected = fields.expected;
  }
}

/** The embedded PostgreSQL could not be set up or started. `detail` holds the last lines PostgreSQL wrote. */
export class EmbeddedServerFailed extends Error {
  override readonly name = 'EmbeddedServerFailed';
  readonly dataDirectory: string;
  readonly detail: string;

  constructor(fields: { readonly dataDirectory: string; readonly reason: string; readonly detail?: string }) {
    const detail = fields.detail?.trim() ?? '';
    super(
      `The embedded PostgreSQL in ${fields.dataDirectory} ${fields.reason}.` +
        (detail === '' ? '' : `\nPostgreSQL's last words:\n${detail}\n`) +
        ` Mend what is named here, or ${useYourOwn}.`,
    );
    this.dataDirectory = fields.dataDirectory;
    this.detail = detail;
  }
}
