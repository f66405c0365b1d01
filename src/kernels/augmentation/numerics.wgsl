// Elementary functions to about the last bit of f32: WGSL's own may be as far off as 2⁻¹¹.

// x = 2^exponent · e^logarithm, the logarithm within ±0.35.
struct Logarithm { exponent: f32, logarithm: f32 }

fn splitLogarithm(x: f32) -> Logarithm {
  let bits = bitcast<u32>(x);
  let mantissa = bitcast<f32>((bits & 0x7fffffu) | 0x3f800000u);
  let isUpper = mantissa > 1.41421356;
  let f = select(mantissa, mantissa * 0.5, isUpper) - 1.0;
  // 2 atanh(s) with its largest part, f, kept whole.
  let s = f / (2.0 + f);
  let s2 = s * s;
  let tail = s2 * (2.0 / 3.0 + s2 * (0.4 + s2 * (2.0 / 7.0 + s2 * (2.0 / 9.0))));
  let square = 0.5 * f * f;
  return Logarithm(f32(i32(bits >> 23u) - select(127, 126, isUpper)), f - (square - s * (square + tail)));
}

fn accurateLog(x: f32) -> f32 {
  let split = splitLogarithm(x);
  return split.exponent * 0.693147181 + split.logarithm;
}

// x from 0 on.
fn accuratePow(x: f32, power: f32) -> f32 {
  if (x < 1e-37) { return 0.0; }
  let split = splitLogarithm(x);
  let log2 = split.logarithm + split.logarithm * 0.442695041;
  // The power in two parts, so that its product with the exponent is exact.
  let coarse = bitcast<f32>(bitcast<u32>(power) & 0xffffff00u);
  let whole = round(power * (split.exponent + log2));
  if (whole < -125.0) { return 0.0; }
  let z = (coarse * split.exponent - whole) + ((power - coarse) * split.exponent + power * log2);
  // 2^z for z within ±½.
  let tail = 0.693147181 + z * (0.240226507 + z * (0.0555041087 + z * (0.00961812911 + z * (0.00133335581 + z * (0.000154035304 + z * 0.0000152527338)))));
  return ldexp(1.0 + z * tail, i32(whole));
}

// cos(2π · turns), turns in [0, 1].
fn accurateCosine(turns: f32) -> f32 {
  let quarters = abs(turns - 0.5) * 4.0;
  let folded = min(quarters, 2.0 - quarters);
  let sign = select(1.0, -1.0, quarters < 1.0);
  let a = 1.57079633 * folded;
  let a2 = a * a;
  let cosine = 1.0 - a2 * (0.5 - a2 * (1.0 / 24.0 - a2 * (1.0 / 720.0 - a2 / 40320.0)));
  let b = 1.57079633 * (1.0 - folded);
  let b2 = b * b;
  let sine = b * (1.0 - b2 * (1.0 / 6.0 - b2 * (1.0 / 120.0 - b2 * (1.0 / 5040.0 - b2 / 362880.0))));
  return sign * select(cosine, sine, folded > 0.5);
}
