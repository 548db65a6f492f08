/**
 * Milliseconds of untimed runs before a slice. They bring weights back into the caches that the other contenders have
 * used meanwhile. And they give a contender's threads time to part: a Linux kernel may wake a thread that has slept on
 * the processor of the one that calls it, although another is idle, and it is the load balancer that then moves one of
 * the two, at the second or third tick of 4 ms.
 */
export const LEAD_IN = 16;
