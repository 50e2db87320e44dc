#!/usr/bin/env bash
# make coverage [TESTS='tests/unit/test_x tests/scenario/x.bats ...']: builds for gcov in the folder `coverage` of the build, runs the tests, all unless
# told, and prints how many lines they ran and how many branches they took at least once: by floor, and of the ten files with the fewest lines run.
# What is killed writes no counts, nor does who became another user: the figures are lower bounds. Assertions are not in them: their other branch is a
# bug of ours, which no test can take.
set -u
top=$(cd "${top_srcdir:-.}" && pwd)
bin=$(cd "${top_builddir:-.}" && pwd)/coverage
ok=0
mkdir -p "$bin" && cd "$bin" || exit 1
{ { [ -e Makefile ] || "$top/configure" -q --enable-coverage; } && make -j"$(nproc)"; } >build.log 2>&1 || { tail build.log; exit 1; }
find . -name '*.gcda' -delete
make -k check ${TESTS:+TESTS="$TESTS"} >check.log 2>&1 || ok=1
grep -E '^(FAIL|ERROR): ' check.log | sort -u

# FILE LINES RUN BRANCHES TAKEN, of each source
figures() {
	find common analyzer enforcer -name '*.gcno' -exec gcov -b -n {} + 2>/dev/null | awk -v top="$top/" '
		function share() { n = $0; sub(/.* of /, "", n); p = $0; sub(/^[^:]*:/, "", p); return int(n * p / 100 + 0.5) }
		/^File / { file = substr($2, 2, length($2) - 2); sub(top, "", file); sub(/^(\.\.\/)*/, "", file) }
		/^(Calls executed:|No calls)/ { file = "" } # behind the last file stands a sum of all
		/^Lines executed:/ && file { run = share(); lines = n; all[file] = lines " " run " 0 0" }
		/^Taken at least once:/ { taken = share(); all[file] = lines " " run " " n " " taken }
		END { for (file in all) if (file ~ /^(common|analyzer|enforcer)\/[^\/]*\.c$/) print file, all[file] }'
}
figures | sort >figures
awk 'function tell(what, l, r, b, t) { printf "%-32s %6d lines, %5.1f %% run; %6d branches, %5.1f %% taken\n", what, l, 100 * r / l, b, b ? 100 * t / b : 100 }
	{ split($1, part, "/"); f = part[1]; l[f] += $2; r[f] += $3; b[f] += $4; t[f] += $5; L += $2; R += $3; B += $4; T += $5 }
	END { for (f in l) tell(f, l[f], r[f], b[f], t[f]); tell("together", L, R, B, T) }' figures
echo
awk '{ printf "%s %.1f %.1f\n", $1, 100 * $3 / $2, $4 ? 100 * $5 / $4 : 100 }' figures | sort -k2,2n -k3,3n | head |
	awk '{ printf "%-32s %5.1f %% of its lines, %5.1f %% of its branches\n", $1, $2, $3 }'
exit "$ok"
