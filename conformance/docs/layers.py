#!/usr/bin/env python3
"""Sorts the samples of a `perf record -g` of one server into layers, and prints the share of each.

usage: layers.py [--list] [--each MICROSECONDS] PERF_DATA

A sample in the kernel belongs to the system call it is under. One in our server belongs to the innermost function of
our own sources that it is in, inlined ones included (addr2line tells); one in Redis to the innermost function that the
table below knows, from the sample outwards. --each is the processor time of one command, of which each layer's part is
printed as well; --list prints the commonest places of each layer, to see that the sorting is right.
"""

import re
import subprocess
import sys
from collections import Counter, defaultdict

LAYERS = ["read", "write", "wait", "other kernel", "loop", "parse", "dispatch", "look up, store", "run", "reply", "memory", "other"]

SYSTEM_CALLS = [
    (r"sys_(p?read|readv|recvfrom|recvmsg)", "read"),
    (r"sys_(p?write|writev|sendto|sendmsg)", "write"),
    (r"sys_epoll", "wait"),
]

OUR_FILES = [
    (r"allocator", "memory"),
    (r"resp/request", "parse"),
    (r"resp/|text/", "reply"),
    (r"keyspace/|data/|engine/ahead", "look up, store"),
    (r"commands/", "run"),
    (r"net/|host/|server\.rs|main\.rs", "loop"),
    (r"", "dispatch"),
]

LIBC_FUNCTIONS = [
    (r"alloc|free|unlink_chunk|tcache", "memory"),
    (r"clock_gettime|gettimeofday", "dispatch"),
    (r"recv|send|read|write|epoll", "loop"),
]

REDIS_FUNCTIONS = [
    (r"^(je_|zmalloc|zfree|zrealloc|zcalloc|ztry|malloc|free|realloc|arena|tcache|update_zmalloc)", "memory"),
    (r"^(ping|get|set|incr|incrDecr|mset|msetGeneric|setGeneric|getGeneric)[A-Za-z]*Command$", "run"),
    (r"[aA]ddReply|prepareClientToWrite|writeToClient|ll2string|ull2string|digits10|PendingWrite|_writeToClient", "reply"),
    (r"lookupKey|^dict|kvstore|siphash|^db[A-Z]|setKey|getKeySlot|expireIfNeeded|keyIsExpired|kvobj|[pP]refetch"
     r"|notifyKeyspaceEvent|signalModifiedKey|touchWatched|RefCount|updateKey|LFU|getTimeoutObject|objectComputeSize", "look up, store"),
    (r"process(Inline|Multibulk|Input)|[pP]arse|string2ll|readQuery|StringObject|createObject|tryObjectEncoding"
     r"|resetClient|freeClientArgv|PendingCommand|^sds", "parse"),
    (r"^(call|processCommand|lookupCommand)|ACL|ropagate|CommandFlags|hdr_|counts_index|get_bucket|commandProcessed|performEvictions"
     r"|trackingRemember|rejectCommand|ExecutionUnit|updateCachedTime|ustime|durationAdd|getCommand|slowlog|afterCommand"
     r"|strcasecmp|commandTime|getMonotonic|clock_gettime|gettimeofday", "dispatch"),
    (r"^ae|beforeSleep|afterSleep|connSocket|connRead|callHandler|[cC]ron|activeExpire|updateClientMem|main$", "loop"),
]


def first(table, text):
    return next((layer for pattern, layer in table if re.search(pattern, text)), None)


def samples(data):
    """Chains of (address, symbol, whether it is the server's own), innermost first."""
    command = ["perf", "script", "--no-inline", "-F", "ip,sym,dso", "-i", data]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for record in text.split("\n\n"):
        frames = [re.match(r"\s*(\w+) (.*) \((.*)\)", line) for line in record.splitlines()]
        chain = [(int(frame[1], 16), frame[2], frame[3].endswith("-server")) for frame in frames if frame]
        if chain:
            yield chain


def program(data):
    """The server's executable, as perf saw it."""
    command = ["perf", "script", "--show-mmap-events", "-F", "comm", "-i", data]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return next(iter(re.findall(r"r-xp (\S+(?:respect|redis|valkey)-server)", text)), None)


def text_shift(binary):
    """What lies between a place in the file and its address."""
    headers = subprocess.run(["readelf", "-lW", binary], capture_output=True, text=True, check=True).stdout
    for line in headers.splitlines():
        words = line.split()
        if words[:1] == ["LOAD"] and "E" in words[6:-1]:
            return int(words[2], 16) - int(words[1], 16)
    return 0


def our_places(binary, offsets):
    """For each offset the innermost place in our sources, `net/event_loop.rs:148`."""
    shift = text_shift(binary)
    command = ["addr2line", "-aie", binary] + [hex(offset + shift) for offset in offsets]
    places, current = {}, None
    for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
        if line.startswith("0x"):
            current = int(line, 16) - shift
        elif "/server/src/" in line and current not in places:
            places[current] = line.split("/server/src/")[1].split(" ")[0]
    return places


def main():
    arguments = sys.argv[1:]
    listing = "--list" in arguments
    each = float(arguments[arguments.index("--each") + 1]) if "--each" in arguments else None
    data = arguments[-1]
    chains = list(samples(data))
    binary = program(data) or ""
    ours = binary.endswith("respect-server")
    kernel = lambda address: address >> 63
    offsets = {address for (address, _, own), *_ in chains if own}
    places = our_places(binary, sorted(offsets)) if ours else {}

    counts, inside = Counter(), defaultdict(Counter)
    for chain in chains:
        address, symbol, _ = chain[0]
        layer = next(filter(None, (first(SYSTEM_CALLS, name) for _, name, _ in chain)), None)
        place = symbol
        if layer is None and kernel(address):
            layer = "other kernel"
        elif layer is None and ours:
            place = places.get(address, symbol)
            if address in places:
                layer = first(OUR_FILES, place)
            else:
                layer = first(LIBC_FUNCTIONS, symbol)
        elif layer is None:
            layer = next(filter(None, (first(REDIS_FUNCTIONS, name) for _, name, _ in chain)), None)
        layer = layer or "other"
        counts[layer] += 1
        inside[layer][place] += 1

    print(f"{len(chains)} samples of {binary.rsplit('/', 1)[-1]}")
    for layer in filter(counts.get, LAYERS):
        share = counts[layer] / len(chains)
        part = f" {share * each:8.3f} µs" if each else ""
        print(f"{layer:16}{share:7.1%}{part}")
        for place, count in inside[layer].most_common(8) if listing else []:
            print(f"        {count / len(chains):6.1%}  {place[:110]}")


main()
