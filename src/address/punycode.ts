/** Punycode (RFC 3492) with the parameters of IDNA (section 5). Labels without the "xn--" prefix. */
const BASE = 36;
const T_MIN = 1;
const T_MAX = 26;
const SKEW = 38;
const DAMP = 700;
const INITIAL_BIAS = 72;
const INITIAL_N = 128;

/** RFC 3492 section 6.1. */
function adapt(delta: number, points: number, first: boolean): number {
  let rest = first ? Math.floor(delta / DAMP) : delta >> 1;
  rest += Math.floor(rest / points);
  let k = 0;
  for (; rest > ((BASE - T_MIN) * T_MAX) >> 1; k += BASE) rest = Math.floor(rest / (BASE - T_MIN));
  return k + Math.floor(((BASE - T_MIN + 1) * rest) / (rest + SKEW));
}

const threshold = (k: number, bias: number): number => (k <= bias ? T_MIN : k >= bias + T_MAX ? T_MAX : k - bias);
const digit = (value: number): string => String.fromCharCode(value < 26 ? value + 97 : value + 22);

/** RFC 3492 section 6.3. The caller keeps labels short, so nothing overflows. */
export function encodePunycode(label: string): string {
  const points = Array.from(label, (char) => char.codePointAt(0)!);
  let out = points.filter((point) => point < INITIAL_N).map((point) => String.fromCharCode(point)).join("");
  const basic = out.length;
  let done = basic;
  if (basic > 0) out += "-";
  let n = INITIAL_N;
  let delta = 0;
  let bias = INITIAL_BIAS;
  while (done < points.length) {
    let next = Infinity;
    for (const point of points) if (point >= n && point < next) next = point;
    delta += (next - n) * (done + 1);
    n = next;
    for (const point of points) {
      if (point < n) delta++;
      if (point !== n) continue;
      let q = delta;
      for (let k = BASE; ; k += BASE) {
        const t = threshold(k, bias);
        if (q < t) break;
        out += digit(t + ((q - t) % (BASE - t)));
        q = Math.floor((q - t) / (BASE - t));
      }
      out += digit(q);
      bias = adapt(delta, done + 1, done === basic);
      delta = 0;
      done++;
    }
    delta++;
    n++;
  }
  return out;
}

function digitValue(code: number): number {
  if (code >= 48 && code <= 57) return code - 22;
  if (code >= 97 && code <= 122) return code - 97;
  if (code >= 65 && code <= 90) return code - 65;
  return BASE;
}

/** RFC 3492 section 6.2; null when it is no Punycode or names no code point. */
export function decodePunycode(text: string): string | null {
  const lastHyphen = text.lastIndexOf("-");
  const points: number[] = [];
  for (let i = 0; i < lastHyphen; i++) points.push(text.charCodeAt(i));
  let n = INITIAL_N;
  let i = 0;
  let bias = INITIAL_BIAS;
  for (let at = lastHyphen > 0 ? lastHyphen + 1 : 0; at < text.length; ) {
    const before = i;
    let weight = 1;
    for (let k = BASE; ; k += BASE) {
      if (at >= text.length) return null;
      const value = digitValue(text.charCodeAt(at++));
      if (value >= BASE) return null;
      i += value * weight;
      if (i > 0x7fffffff) return null;
      const t = threshold(k, bias);
      if (value < t) break;
      weight *= BASE - t;
      if (weight > 0x7fffffff) return null;
    }
    const length = points.length + 1;
    bias = adapt(i - before, length, before === 0);
    n += Math.floor(i / length);
    i %= length;
    if (n > 0x10ffff || (n >= 0xd800 && n <= 0xdfff)) return null;
    points.splice(i++, 0, n);
  }
  return String.fromCodePoint(...points);
}
