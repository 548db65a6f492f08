import { runTask } from '../tasks';

/**
 * The control block that all threads share. The caller of a run works too, and waits for chunks done, not for
 * workers woken: a worker that is asleep never delays it.
 */
@unmanaged
export class Control {
  /** Run number in the high half, next chunk in the low half: one compare-and-swap claims a chunk of one run. */
  claim: i64;
  /** Number of the latest run; workers sleep on it. */
  run: i32;
  /** Chunks done in this run; the caller sleeps on it. */
  done: i32;
  /** Workers asleep. */
  asleep: i32;
  /** Set once: workers return. */
  stop: i32;
  /** Scratch of thread i is at scratch + i * scratchBytes. */
  scratch: usize;
  scratchBytes: usize;
  task: i32;
  args: usize;
  units: i32;
  unitsPerChunk: i32;
  chunks: i32;
}

/**
 * Turns that a thread spins before it sleeps: around 100 µs. That spans what JavaScript does between two layers, and
 * waking a thread takes as long as half of a small one.
 */
const SPINS: i32 = 100000;
const MILLISECOND: i64 = 1000000;

// @ts-ignore: decorator
@inline
function at(control: usize, offset: usize): usize {
  return control + offset;
}

/** Takes chunks of run number `run` until none is left. */
function work(control: usize, run: i32, thread: i32): void {
  const c = changetype<Control>(control),
    task = c.task,
    args = c.args,
    units = c.units,
    unitsPerChunk = c.unitsPerChunk,
    scratch = c.scratch + <usize>thread * c.scratchBytes,
    chunks = atomic.load<i32>(at(control, offsetof<Control>('chunks')));
  while (true) {
    const claim = atomic.load<i64>(at(control, offsetof<Control>('claim'))),
      chunk = <i32>(claim & 0xffffffff);
    if (<i32>(claim >> 32) != run || chunk >= chunks) return;
    if (atomic.cmpxchg<i64>(at(control, offsetof<Control>('claim')), claim, claim + 1) != claim) continue;
    const begin = chunk * unitsPerChunk;
    runTask(task, args, begin, min(begin + unitsPerChunk, units), scratch);
    const done = atomic.add<i32>(at(control, offsetof<Control>('done')), 1) + 1;
    if (done == chunks) atomic.notify(at(control, offsetof<Control>('done')), 1);
  }
}

/** Runs `task` over its units on all threads and returns when every unit is done. */
export function runShared(control: usize, task: i32, args: usize, units: i32, unitsPerChunk: i32): void {
  const c = changetype<Control>(control),
    chunks = (units + unitsPerChunk - 1) / unitsPerChunk,
    run = (c.run + 1) & 0x7fffffff;
  // Closed before the numbers change: a late worker of the run before that sees the new `chunks` also sees this.
  atomic.store<i64>(at(control, offsetof<Control>('claim')), (<i64>run << 32) | 0x7fffffff);
  c.task = task;
  c.args = args;
  c.units = units;
  c.unitsPerChunk = unitsPerChunk;
  atomic.store<i32>(at(control, offsetof<Control>('chunks')), chunks);
  atomic.store<i32>(at(control, offsetof<Control>('done')), 0);
  atomic.store<i64>(at(control, offsetof<Control>('claim')), <i64>run << 32);
  atomic.store<i32>(at(control, offsetof<Control>('run')), run);
  if (atomic.load<i32>(at(control, offsetof<Control>('asleep'))) > 0)
    atomic.notify(at(control, offsetof<Control>('run')), chunks - 1);
  work(control, run, 0);
  let spins = 0;
  while (true) {
    const done = atomic.load<i32>(at(control, offsetof<Control>('done')));
    if (done >= chunks) return;
    if (++spins > SPINS) atomic.wait<i32>(at(control, offsetof<Control>('done')), done, MILLISECOND);
  }
}

/** A worker's life: takes part in every run until the pool stops. */
export function workerLoop(control: usize, thread: i32): void {
  let seen = 0;
  while (true) {
    let spins = 0;
    while (atomic.load<i32>(at(control, offsetof<Control>('run'))) == seen) {
      if (atomic.load<i32>(at(control, offsetof<Control>('stop')))) return;
      if (++spins > SPINS) {
        atomic.add<i32>(at(control, offsetof<Control>('asleep')), 1);
        atomic.wait<i32>(at(control, offsetof<Control>('run')), seen, -1);
        atomic.sub<i32>(at(control, offsetof<Control>('asleep')), 1);
      }
    }
    if (atomic.load<i32>(at(control, offsetof<Control>('stop')))) return;
    seen = atomic.load<i32>(at(control, offsetof<Control>('run')));
    work(control, seen, thread);
  }
}

/** Bytes of the control block. */
export const CONTROL_BYTES: usize = offsetof<Control>();
