#!/usr/bin/env bash
# Each fuzz target reads its seeds: what was found once stays found. Speaks TAP.
set -u
seeds=${top_srcdir:-.}/tests/fuzz/seeds
echo "1..$(ls "$seeds" | wc -l)"
number=0
for folder in "$seeds"/*; do
	number=$((number + 1))
	target=${folder##*/}
	if said=$("${top_builddir:-.}/tests/fuzz/fuzz_$target" "$folder"/* 2>&1); then
		echo "ok $number - the seeds of $target break nothing: $said"
	else
		echo "not ok $number - the seeds of $target break nothing"
		sed 's/^/# /' <<<"$said"
	fi
done
