"""Alternating pairs: the measure of every figure in SPEED.md. Two callables are run by turns, A B A B ..., and what is
reported is the median of each and the median and 10-90 % range of the ratios B/A pair by pair (B the peer: a ratio above 1
says how many times faster A is)."""
import statistics
import time


def quantile(values, q):
    values = sorted(values)
    at = q * (len(values) - 1)
    low = int(at)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (at - low)


def compare(ours, peer, pairs=15, warmup=2):
    """ours, peer: callables that return seconds, or None to be timed from outside."""
    def once(call):
        began = time.perf_counter()
        seconds = call()
        return seconds if isinstance(seconds, float) else time.perf_counter() - began

    for _ in range(warmup):
        once(ours)
        once(peer)
    a, b = [], []
    for _ in range(pairs):
        a.append(once(ours))
        b.append(once(peer))
    ratios = [y / x for x, y in zip(a, b)]
    return {"ours": statistics.median(a), "peer": statistics.median(b), "ratio": statistics.median(ratios),
            "low": quantile(ratios, .1), "high": quantile(ratios, .9), "pairs": pairs}


def row(name, r, unit=1e3, digits=2):
    """One row of a Markdown table: what | ours ms | peer ms | ratio (10-90 %)."""
    return (f"| {name} | {r['ours'] * unit:.{digits}f} | {r['peer'] * unit:.{digits}f} | "
            f"{r['ratio']:.2f} ({r['low']:.2f}-{r['high']:.2f}) |")
