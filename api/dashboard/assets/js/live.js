// Live updates: server-sent events. The browser comes back by itself after a cut and says which event it saw last; when the server
// refused it, we try again with growing pauses, and as nobody knows any more what was seen, what is shown is read again.

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;

/**
 * Calls onItem(delivery) for each that changes, onReset() when some were missed and what is shown must be read again, onState(true |
 * false) as the stream opens and breaks; until the signal ends.
 */
export function follow(url, signal, { onItem, onReset, onState }) {
    let source = null;
    let pause = FIRST_PAUSE_MS;
    let timer = 0;
    let refused = false;
    const open = () => {
        source = new EventSource(url);
        source.addEventListener("open", () => {
            pause = FIRST_PAUSE_MS;
            onState(true);
            if (refused) onReset();
            refused = false;
        });
        source.addEventListener("delivery", (event) => onItem(JSON.parse(event.data)));
        source.addEventListener("reset", onReset);
        source.addEventListener("error", () => {
            onState(false);
            if (source.readyState !== EventSource.CLOSED) return;
            refused = true;
            timer = setTimeout(open, pause);
            pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
        });
    };
    signal.addEventListener("abort", () => {
        clearTimeout(timer);
        source?.close();
    });
    open();
}
