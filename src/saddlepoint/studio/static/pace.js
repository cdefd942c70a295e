// Work that is done again as things change, without slowing down what it watches.

/**
 * Calls `work()` one at a time, for about a fortieth of the time; what asks meanwhile makes one
 * more. `again(true)` does not wait out the pause; after `stop()` nothing is begun.
 */
export function paced(work, failed) {
  let busy = false;
  let asked = false;
  let soon = false;
  let ended = false;
  let wake = () => {};

  async function again(atOnce = false) {
    if (ended) return;
    if (busy) {
      asked = true;
      soon ||= atOnce;
      if (soon) wake();
      return;
    }
    busy = true;
    try {
      do {
        asked = soon = false;
        const begun = performance.now();
        await work();
        if (ended) return;
        const spent = performance.now() - begun;
        if (!soon) {
          await new Promise((resolve) => {
            wake = resolve;
            setTimeout(resolve, Math.min(15000, Math.max(1000, 40 * spent)));
          });
        }
      } while (asked && !ended);
    } catch (error) {
      if (!ended) failed(error);
    } finally {
      busy = false;
    }
  }

  return { again, stop() { ended = true; wake(); } };
}
