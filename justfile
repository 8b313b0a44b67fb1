# Recipes with `*arguments` pass them on: just conformance --oracle redis-8.2.3 'strings/*'

set positional-arguments

# List the recipes
[private]
default:
    @just --list --unsorted

# Judge our server: every transcript, at every cut
conformance *arguments:
    cargo conformance "$@"

# Run all tests
test *arguments:
    cargo test --workspace "$@"

# Bring the real servers under target/oracles, pinned by version and sum
oracles:
    cargo respect oracle install --all

# Ask the installed real servers again, and rewrite in place what the transcripts expect
record *arguments:
    cargo respect record "$@"

# Judge the real servers and those by others, and write conformance/docs/scoreboard.md
scoreboard *arguments:
    cargo respect scoreboard --install "$@"

# Change the server's wire, reply and string code in 100 places, one at a time, and see which changes the judge notices
mutants shard="0":
    #!/usr/bin/env bash
    set -euo pipefail
    tool=target/tools/bin/cargo-mutants
    [ -x "$tool" ] || cargo install cargo-mutants --version 27.1.0 --locked --root target/tools
    all=$("$tool" mutants --list -p respect-server | wc -l)
    # Every n-th of them: always the same while the code is the same. What the two packages need is built once and kept.
    CARGO_TARGET_DIR="$PWD/target" nice -n 19 "$tool" mutants -p respect-server --shard "{{shard}}/$((all / 100))" \
        --sharding round-robin --timeout 180 --output target

# Test the modules with unsafe code under Miri where it is installed, else under AddressSanitizer, and under Valgrind
unsafe:
    .ci/unsafe

# Give a parser (request, payload or config) inputs led by the code they reach, for so many minutes; needs a C++ compiler
fuzz-parser parser minutes="60" seed="823" len_max="4096":
    server/fuzz/run "{{parser}}" "{{minutes}}" "{{seed}}" "{{len_max}}"

# Hold every installed real server against itself by everything there is, several times: whatever differs is a false alarm
twins times="5":
    #!/usr/bin/env bash
    set -uo pipefail
    alarms=0
    for time in $(seq "{{times}}"); do
        for build in $(cargo respect oracle list | grep -v 'not installed\|not the pinned' | cut -d' ' -f1); do
            cargo respect run --full --target "$build" --oracle "$build" --seed "$time" || alarms=$((alarms + 1))
        done
    done
    echo "$alarms false alarms"
    [ "$alarms" = 0 ]

# Measure our server beside every installed real one: speed, latency, memory, growth; tables and pictures, `--help` tells
bench *arguments:
    cargo bench --profile judge -p respect-conformance --bench side_by_side -- "$@"

# Count the instructions of the hot paths, and hold them against the stored baseline; --save makes a new one
instructions *arguments:
    cargo bench -p respect-server --bench instructions -- "$@"

# Look at the report's page in a real browser (Debian: chromium); pictures are left in target/respect/pages
browser:
    cargo test -p respect-conformance --features browser --lib report::html::browser

# Do what CI does, on Debian 12: tools, formatting, lints, documentation, tests, judgement
ci:
    .ci/run
