// Which prompts something is about: slugs ("support/assistant") and folders ("support/*").

const FOLDER_SUFFIX = '/*';

export function isFolder(pattern: string): boolean {
  return pattern.endsWith(FOLDER_SUFFIX);
}

/** The path in front of a folder's "/*"; a slug as it is. */
export function pathOfPattern(pattern: string): string {
  return isFolder(pattern) ? pattern.slice(0, -FOLDER_SUFFIX.length) : pattern;
}

/** Whether a pattern covers a slug, or every slug of another pattern. */
export function patternCovers(pattern: string, other: string): boolean {
  return pattern === other || (isFolder(pattern) && other.startsWith(pattern.slice(0, -1)));
}

/** Null: every prompt of the workspace. */
export function patternsCover(patterns: readonly string[] | null, other: string): boolean {
  return patterns === null || patterns.some((pattern) => patternCovers(pattern, other));
}
