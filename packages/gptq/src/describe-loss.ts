/** What a layer's loss means, in words. `asked` and `used` are the damping. */
export function describeLoss(energyLost: number, asked: number, used: number): string {
  const percent = energyLost * 100;
  const share =
    percent >= 10 ? percent.toFixed(0) : percent >= 0.1 ? percent.toFixed(1) : percent.toPrecision(1);
  const loss = `loses ${share}% of its output's energy on the calibration data`;
  if (used === asked) return loss;
  return `${loss}; the Hessian needed a damping of ${used} instead of ${asked}: more calibration data would help`;
}
