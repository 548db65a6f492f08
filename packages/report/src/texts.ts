/** A duration for people: `0.4 s`, `42 s`, `3 min 5 s`. */
export function durationText(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A count with thousands apart: `1,773,504`. */
export function countText(count: number): string {
  return count.toLocaleString('en-US');
}

/** `1 window`, `235 windows`. */
export function amountText(count: number, unit: string): string {
  return `${countText(count)} ${unit}${count === 1 ? '' : 's'}`;
}

/** A change as a signed percentage: `+2.28%`. */
export function percentText(fraction: number): string {
  return `${fraction >= 0 ? '+' : ''}${(100 * fraction).toFixed(2)}%`;
}
