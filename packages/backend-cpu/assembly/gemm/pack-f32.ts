/**
 * Packs `k` steps of up to eight columns into one panel [k][8]. Missing columns become zeros.
 * `packRows`: the matrix is stored [column][k] (a weight as [out, in]); `packColumns`: it is stored [k][column].
 */
export function packRows(b: usize, ldb: usize, columns: i32, k: i32, panel: usize): void {
  if (columns == 8) {
    const end = panel + (<usize>(k & ~3) << 5);
    let r1 = b + ldb,
      r2 = r1 + ldb,
      r3 = r2 + ldb,
      r4 = r3 + ldb,
      r5 = r4 + ldb,
      r6 = r5 + ldb,
      r7 = r6 + ldb;
    while (panel < end) {
      let w = v128.load(b),
        x = v128.load(r1),
        y = v128.load(r2),
        z = v128.load(r3);
      let s = i32x4.shuffle(w, x, 0, 4, 1, 5),
        t = i32x4.shuffle(w, x, 2, 6, 3, 7),
        u = i32x4.shuffle(y, z, 0, 4, 1, 5),
        v = i32x4.shuffle(y, z, 2, 6, 3, 7);
      v128.store(panel, i64x2.shuffle(s, u, 0, 2));
      v128.store(panel, i64x2.shuffle(s, u, 1, 3), 32);
      v128.store(panel, i64x2.shuffle(t, v, 0, 2), 64);
      v128.store(panel, i64x2.shuffle(t, v, 1, 3), 96);
      w = v128.load(r4);
      x = v128.load(r5);
      y = v128.load(r6);
      z = v128.load(r7);
      s = i32x4.shuffle(w, x, 0, 4, 1, 5);
      t = i32x4.shuffle(w, x, 2, 6, 3, 7);
      u = i32x4.shuffle(y, z, 0, 4, 1, 5);
      v = i32x4.shuffle(y, z, 2, 6, 3, 7);
      v128.store(panel, i64x2.shuffle(s, u, 0, 2), 16);
      v128.store(panel, i64x2.shuffle(s, u, 1, 3), 48);
      v128.store(panel, i64x2.shuffle(t, v, 0, 2), 80);
      v128.store(panel, i64x2.shuffle(t, v, 1, 3), 112);
      b += 16;
      r1 += 16;
      r2 += 16;
      r3 += 16;
      r4 += 16;
      r5 += 16;
      r6 += 16;
      r7 += 16;
      panel += 128;
    }
    k &= 3;
  } else {
    memory.fill(panel, 0, <usize>k << 5);
  }
  for (let n = 0; n < columns; n++) {
    const row = b + <usize>n * ldb,
      out = panel + (<usize>n << 2);
    for (let i = 0; i < k; i++) store<f32>(out + (<usize>i << 5), load<f32>(row + (<usize>i << 2)));
  }
}

/** Four neighbouring panels of a matrix stored [k][column], each row read once, from end to end. */
export function packColumns4(b: usize, ldb: usize, k: i32, panels: usize): void {
  const panelBytes = <usize>k << 5,
    q = panelBytes,
    r = q + panelBytes,
    s = r + panelBytes;
  for (let i = 0; i < k; i++) {
    v128.store(panels, v128.load(b));
    v128.store(panels, v128.load(b, 16), 16);
    v128.store(panels + q, v128.load(b, 32));
    v128.store(panels + q, v128.load(b, 48), 16);
    v128.store(panels + r, v128.load(b, 64));
    v128.store(panels + r, v128.load(b, 80), 16);
    v128.store(panels + s, v128.load(b, 96));
    v128.store(panels + s, v128.load(b, 112), 16);
    b += ldb;
    panels += 32;
  }
}

export function packColumns(b: usize, ldb: usize, columns: i32, k: i32, panel: usize): void {
  if (columns == 8) {
    for (let i = 0; i < k; i++) {
      v128.store(panel, v128.load(b));
      v128.store(panel, v128.load(b, 16), 16);
      b += ldb;
      panel += 32;
    }
    return;
  }
  for (let i = 0; i < k; i++) {
    v128.store(panel, f32x4.splat(0));
    v128.store(panel, f32x4.splat(0), 16);
    for (let n = 0; n < columns; n++) store<f32>(panel + (<usize>n << 2), load<f32>(b + (<usize>n << 2)));
    b += ldb;
    panel += 32;
  }
}
