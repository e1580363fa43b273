/**
 * `exp` and `log` from sums, products and quotients alone, which IEEE 754 rounds the same everywhere. ECMAScript leaves
 * the last bits of `Math.exp` and `Math.log` to the engine, and a suggestion must not change with the version of Node.
 *
 * The algorithms and their coefficients are those of fdlibm's e_exp.c and e_log.c, Copyright (C) 1993 by Sun
 * Microsystems, Inc.: "Permission to use, copy, modify, and distribute this software is freely granted, provided that
 * this notice is preserved." Errors stay below 1 unit in the last place.
 */
const LN2_HIGH = 6.931471803691238e-1
const LN2_LOW = 1.9082149292705877e-10

export function exactExp(x: number): number {
  if (Number.isNaN(x)) return x
  if (x > 709.782712893384) return Number.POSITIVE_INFINITY
  if (x < -745.1332191019411) return 0
  // x = k ln 2 + r with |r| <= ln 2 / 2
  const k = Math.round(x * Math.LOG2E)
  const high = x - k * LN2_HIGH
  const low = k * LN2_LOW
  const r = high - low
  const t = r * r
  const c =
    r -
    t *
      (1.6666666666666602e-1 +
        t *
          (-2.7777777777015593e-3 +
            t * (6.613756321437934e-5 + t * (-1.6533902205465252e-6 + t * 4.1381367970572385e-8))))
  const y = 1 - (low - (r * c) / (2 - c) - high)
  return scale(y, k)
}

export function exactLog(x: number): number {
  if (Number.isNaN(x) || x < 0) return Number.NaN
  if (x === 0) return Number.NEGATIVE_INFINITY
  if (x === Number.POSITIVE_INFINITY) return x
  // x = 2^k (1 + f) with sqrt(2)/2 < 1 + f < sqrt(2)
  let { mantissa, exponent: k } = split(x)
  if (mantissa > Math.SQRT2) {
    mantissa /= 2
    k += 1
  }
  const f = mantissa - 1
  const s = f / (2 + f)
  const z = s * s
  const w = z * z
  const odd = w * (3.999999999940942e-1 + w * (2.2222198432149784e-1 + w * 1.5313837699209373e-1))
  const even =
    z * (6.666666666666735e-1 + w * (2.857142874366239e-1 + w * (1.818357216161805e-1 + w * 1.4798198605116586e-1)))
  const half = 0.5 * f * f
  return k * LN2_HIGH - (half - (s * (half + odd + even) + k * LN2_LOW) - f)
}

const bits = new DataView(new ArrayBuffer(8))

/** x = mantissa * 2^exponent with 1 <= mantissa < 2, for finite x > 0. */
function split(x: number): { mantissa: number; exponent: number } {
  const subnormal = x < 2 ** -1022
  bits.setFloat64(0, subnormal ? x * 2 ** 54 : x)
  const high = bits.getUint32(0)
  const exponent = (high >>> 20) - 1023 - (subnormal ? 54 : 0)
  bits.setUint32(0, (high & 0x000fffff) | 0x3ff00000)
  return { mantissa: bits.getFloat64(0), exponent }
}

/** y * 2^k, in two steps where 2^k itself is no normal double. */
function scale(y: number, k: number): number {
  if (k > 1023) return y * 2 * powerOfTwo(k - 1)
  if (k < -1022) return y * powerOfTwo(k + 60) * powerOfTwo(-60)
  return y * powerOfTwo(k)
}

function powerOfTwo(k: number): number {
  bits.setUint32(0, (k + 1023) << 20)
  bits.setUint32(4, 0)
  return bits.getFloat64(0)
}
