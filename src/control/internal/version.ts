/**
 * The version of the package: a test sees to it that it is that of package.json.
 *
 * Floor 4.
 */

export const version: string = "0.1.0"
