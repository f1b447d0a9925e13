#!/usr/bin/env python3
"""perf and return barriers: `perf_barriers.py [-i perf.data]` prints what `perf script` does, with the frames that barriers hide.

    perf record --call-graph fp ./program && perf_barriers.py | stackcollapse-perf.pl | flamegraph.pl > flame.svg

The kernel follows frame pointers and writes down return addresses as they are. Where a barrier stands it writes the trampoline's, so perf shows
`stack_barrier_20` in place of a function's name; the frames above are right. Which function that is follows from the next return address: right before
it is the call of the function. If that call is indirect, from samples in which the same two functions were seen with their middle one.
With --call-graph dwarf perf itself gets through the barriers, if its copy of the stack reaches the stack's top (`dwarf,65528`), and shows one frame more
per barrier, which is left out here.

In every-frame mode, which is for debugging, there is no next return address: frames are called [behind a barrier].

Needs nm (binutils). x86-64.
"""

import argparse
import bisect
import re
import struct
import subprocess
import sys
from collections import Counter, defaultdict

HIDDEN = "[behind a barrier]"
FRAME = re.compile(r"^\s+([0-9a-f]+) (.*) \((.*)\)$")


def is_barrier(name):
    return "stack_barrier" in name


def repaired(chain, unwound, call_target, seen):
    """The chain, [(address, name)] from the youngest frame on, without barriers.

    `unwound`: perf went through the barriers; otherwise each hides its caller. `call_target` names the function called right before an address, if that can be
    told. `seen` counts what was seen between a function and the address that its caller returns to.

    >>> calls = {30: "middle"}.get
    >>> repaired([(10, "young"), (20, "stack_barrier_18"), (30, "old")], False, calls, {})
    [(10, 'young'), (20, 'middle'), (30, 'old')]
    >>> repaired([(10, "young"), (20, "stack_barrier_18"), (25, "middle"), (30, "old")], True, calls, {})
    [(10, 'young'), (25, 'middle'), (30, 'old')]
    >>> repaired([(10, "young"), (20, "stack_barrier_18"), (40, "old")], False, calls, {})
    [(10, 'young'), (20, '[behind a barrier]'), (40, 'old')]
    >>> repaired([(10, "young"), (20, "stack_barrier_18"), (40, "old")], False, calls, {("young", 40): Counter(["middle"])})
    [(10, 'young'), (20, 'middle'), (40, 'old')]
    >>> repaired([(10, "young"), (20, "stack_barrier_18"), (21, "stack_barrier_18"), (30, "old")], False, calls, {})
    [(10, 'young'), (20, '[behind a barrier]'), (21, 'middle'), (30, 'old')]

    A sample in the trampoline itself stays what it is, and a stub where the chain ends cannot be told.

    >>> repaired([(10, "stack_barrier_tail_18"), (30, "old")], False, calls, {})
    [(10, 'stack_barrier_tail_18'), (30, 'old')]
    >>> repaired([(10, "young"), (20, "stack_barrier_18")], False, calls, {})
    [(10, 'young'), (20, '[behind a barrier]')]
    """
    result = []
    for i, (address, name) in enumerate(chain):
        if i == 0 or not is_barrier(name):
            result.append((address, name))
        elif not unwound:
            result.append((address, middle(chain, i, call_target, seen)))
    return result


def middle(chain, i, call_target, seen):
    if i + 1 == len(chain) or is_barrier(chain[i + 1][1]):
        return HIDDEN
    above = chain[i + 1][0]
    known = call_target(above)
    if known is None and (chain[i - 1][1], above) in seen:
        known = seen[chain[i - 1][1], above].most_common(1)[0][0]
    return known or HIDDEN


def between(chain, callees):
    """Fills in what two barriers in a row hide: the one function that the older calls and that calls the younger. `callees` are the functions that a function
    calls.

    >>> calls = {"old": {"middle", "other"}, "middle": {"young"}, "other": set()}.get
    >>> between([(10, "young"), (20, HIDDEN), (30, "old")], calls)
    [(10, 'young'), (20, 'middle'), (30, 'old')]
    >>> between([(10, "young"), (20, HIDDEN), (30, "middle")], calls)
    [(10, 'young'), (20, '[behind a barrier]'), (30, 'middle')]
    """
    result = list(chain)
    for (_, below), (i, (address, name)), (_, above) in zip(chain, enumerate(chain[1:], 1), chain[2:]):
        if name == HIDDEN and HIDDEN not in (below, above):
            found = [callee for callee in callees(above) or () if below in (callees(callee) or ())]
            result[i] = (address, found[0] if len(found) == 1 else HIDDEN)
    return result


def count_middles(chains):
    """What stands between a function and its caller's caller, wherever no barrier does.

    >>> count_middles([[(10, "young"), (20, "middle"), (30, "old")]])["young", 30]
    Counter({'middle': 1})
    """
    seen = defaultdict(Counter)
    for chain in chains:
        for (_, below), (_, name), (above, _) in zip(chain, chain[1:], chain[2:]):
            if not is_barrier(below) and not is_barrier(name):
                seen[below, above][name] += 1
    return seen


class Image:
    """One executable file: its bytes, its segments, and its functions by address."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.bytes = file.read()
        start, size, count = struct.unpack_from("<Q14xHH", self.bytes, 32)
        headers = [struct.unpack_from("<IIQQQQQQ", self.bytes, start + size * i) for i in range(count)]
        self.segments = [(offset, address, length) for kind, _, offset, address, _, length, _, _ in headers if kind == 1]
        listed = subprocess.run(["nm", "--demangle", "--defined-only", path], capture_output=True, text=True).stdout
        symbols = (line.split(" ", 2) for line in listed.splitlines())
        self.calls = {}
        self.functions = sorted((int(s[0], 16), s[2]) for s in symbols if len(s) == 3 and s[1] in "tTwW")

    def function(self, offset):
        """The function that begins at an offset in the file."""
        for start, address, length in self.segments:
            if start <= offset < start + length:
                at = bisect.bisect_left(self.functions, (offset - start + address, ""))
                if at < len(self.functions) and self.functions[at][0] == offset - start + address:
                    return self.functions[at][1]
        return None


    def callees(self, name):
        """The functions that are called in the code of this one."""
        if name not in self.calls:
            self.calls[name] = set()
            for i, (start, found) in enumerate(self.functions):
                if found == name:
                    end = next((a for a, _ in self.functions[i + 1 :] if a > start), start)
                    self.calls[name] |= self.calls_within(start, end)
        return self.calls[name]

    def calls_within(self, start, end):
        for offset, address, length in self.segments:
            if address <= start < address + length:
                code = range(start - address + offset, end - address + offset - 4)
                calls = [at + 5 + struct.unpack_from("<i", self.bytes, at + 1)[0] for at in code if self.bytes[at] == 0xE8]
                return {name for name in map(self.function, calls) if name}
        return set()


class Images:
    """The files that were looked at. An address is (offset in the file, its path), as `perf script` prints them."""

    def __init__(self):
        self.images = {}

    def call_target(self, address):
        """The function that a direct call right before `address` calls."""
        end, path = address
        image = self.image(path)
        if image is None or image.bytes[end - 5 : end - 4] != b"\xe8":
            return None
        (distance,) = struct.unpack_from("<i", image.bytes, end - 4)
        return image.function(end + distance)

    def callees(self, name):
        """What the function calls directly, as far as it is in a file that was looked at."""
        return set().union(*(image.callees(name) for image in self.images.values() if image))

    def image(self, path):
        if path not in self.images:
            try:
                self.images[path] = Image(path)
            except (OSError, struct.error):
                self.images[path] = None
        return self.images[path]


def perf(*arguments):
    run = subprocess.run(["perf", *arguments], capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(run.stderr)
    return run.stdout


def chain_of(lines):
    found = (FRAME.match(line) for line in lines)
    return [((int(m[1], 16), m[3]), m[2]) for m in found if m]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-i", "--input", default="perf.data")
    file = parser.parse_args().input
    unwound = "STACK_USER" in perf("evlist", "-v", "-i", file)
    text = perf("script", "-i", file, "--no-inline", "-F", "comm,pid,tid,time,event,ip,sym,dso")
    samples = [sample.splitlines() for sample in text.split("\n\n") if sample.strip()]
    images, seen = Images(), count_middles(chain_of(sample) for sample in samples)
    for sample in samples:
        print("\n".join(line for line in sample if not FRAME.match(line)))
        chain = repaired(chain_of(sample), unwound, images.call_target, seen)
        for (offset, path), name in between(chain, images.callees):
            print(f"\t{offset:16x} {name} ({path})")
        print()


if __name__ == "__main__":
    main()
