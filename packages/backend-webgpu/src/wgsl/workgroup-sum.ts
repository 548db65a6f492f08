import { unroll } from './unroll.js';

/** What {@link workgroupSum} generates code for. */
export interface WorkgroupSum {
  readonly type: 'f32' | 'i32';
  readonly threads: number;
  /** How many sums. */
  readonly count: number;
  /** Threads that the device's smallest subgroups have; undefined: it has no subgroups. */
  readonly smallestSubgroup: number | undefined;
}

/** Words of `partial` for one sum. */
function slots({ threads, smallestSubgroup }: WorkgroupSum): number {
  return smallestSubgroup === undefined ? threads : Math.max(1, Math.ceil(threads / smallestSubgroup));
}

/** Declarations that {@link workgroupSum} needs. */
export function workgroupSumDeclarations(sum: WorkgroupSum): string {
  const partial = `var<workgroup> partial : array<${sum.type}, ${sum.count * slots(sum)}>;`;
  if (sum.smallestSubgroup === undefined) return partial;
  return `enable subgroups;
requires subgroup_id;
var<private> subgroupId : u32;
var<private> subgroupCount : u32;
${partial}`;
}

/**
 * WGSL that adds up `terms[i]` over the threads of a workgroup, always in the same order, for {@link sumAt}. Uses
 * `lane`, the thread's number.
 */
export function workgroupSum(sum: WorkgroupSum, terms: readonly string[]): string {
  const { threads, count, smallestSubgroup } = sum;
  const stride = slots(sum);
  if (smallestSubgroup === undefined) {
    return `${unroll(count, (i) => `partial[${i * stride} + lane] = ${terms[i]};`)}
  for (var stride = ${threads / 2}; stride > 0; stride = stride >> 1u) {
    workgroupBarrier();
    if (lane < stride) {
      for (var at = lane; at < ${count * threads}; at += ${threads}) { partial[at] += partial[at + stride]; }
    }
  }
  workgroupBarrier();`;
  }
  return `${unroll(count, (i) => `let within_${i} = subgroupAdd(${terms[i]});`)}
  if (subgroupElect()) {
    ${unroll(count, (i) => `partial[${i * stride} + i32(subgroupId)] = within_${i};`)}
  }
  workgroupBarrier();
  if (lane < ${count}) {
    for (var slot = 1; slot < i32(subgroupCount); slot++) { partial[lane * ${stride}] += partial[lane * ${stride} + slot]; }
  }
  workgroupBarrier();`;
}

/** WGSL: sum `i`, an expression, after {@link workgroupSum}. */
export function sumAt(sum: WorkgroupSum, i: string): string {
  return `partial[(${i}) * ${slots(sum)}]`;
}
