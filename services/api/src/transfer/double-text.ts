/** Numbers as text that gives the same number again, bit for bit but for the payload of a NaN. */
export function doubleText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

const NUMBER = /^-?(\d+(\.\d+)?(e[+-]?\d+)?|Infinity)$|^NaN$/i

export function readDouble(text: string): number {
  if (!NUMBER.test(text)) throw new Error(`${JSON.stringify(text.slice(0, 40))} is no number`)
  return Number(text)
}
