/** Ends every `switch` on a union, so that a case someone forgot does not compile. */
export function assertNever(value: never): never {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`)
}
