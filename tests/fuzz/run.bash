#!/usr/bin/env bash
# make fuzz SECONDS=n: every target with libFuzzer under the sanitizers, n seconds each, from the seeds in the tree. What was found stays in
# the build folder, fuzz/found; exit 1 if anything was.
set -eu
source=$1 seconds=$2
command -v clang >/dev/null || {
	echo "make fuzz: needs clang and its libFuzzer (clang, libclang-rt-14-dev)"
	exit 1
}
source=$(cd "$source" && pwd)
mkdir -p fuzz/found
cd fuzz
flags='-g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all'
[ -e Makefile ] || "$source/configure" -q CC=clang CPPFLAGS=-DPROVCTL_FUZZ \
	CFLAGS="$flags -fsanitize=fuzzer-no-link" LDFLAGS="$flags"
targets=(line yaml event command lockstate csv bans portal)
make -j"$(nproc)" "${targets[@]/#/tests/fuzz/fuzz_}" LDFLAGS="$flags -fsanitize=fuzzer" >make.log 2>&1 || {
	tail -n 30 make.log
	exit 1
}
ok=0
for target in "${targets[@]}"; do
	mkdir -p "corpus/$target"
	top_srcdir=$source nice "tests/fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=8192 \
		-artifact_prefix="found/$target-" "corpus/$target" "$source/tests/fuzz/seeds/$target" >"$target.log" 2>&1 || ok=1
	printf '%s: %s\n' "$target" "$(grep -E '^(Done|==.*ERROR|does not hold|SUMMARY)' "$target.log" | tail -n 1)"
done
ls found
exit "$ok"
