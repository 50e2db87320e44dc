#!/usr/bin/env bash
# make lint: clang-tidy (what it looks at: .clang-tidy), cppcheck and gcc -fanalyzer over all of the code. Each finding is an error. What is left out,
# and why, stands here. Called with what the compiler needs.
set -u
cd "${top_srcdir:-.}" || exit 1
folders=(common analyzer enforcer cmd portal)
faulty=0

# Left out in .clang-tidy, of those that are not a matter of taste: signed-char-misuse, as tables of digits hold -1 where there is none; and
# suspicious-memory-comparison, as what is compared whole was set whole, and where padding differs it is only taken for another.
for file in $(printf '%s/*.c ' "${folders[@]}"); do
	clang-tidy --quiet "$file" -- -std=gnu17 "$@" || faulty=1
done

# store_tally.c: takes the room behind the pointers to be sorted for what they point to.
cppcheck --enable=warning,performance,portability --error-exitcode=1 --quiet -j"$(nproc)" --std=c11 --suppress=missingIncludeSystem \
	--suppress=uninitvar:enforcer/store_tally.c "$@" "${folders[@]}" || faulty=1

# Leaks and uninitialised values: this analyzer does not follow ownership into structures, nor that outputs are written where 0 is returned;
# every test looks for both, with AddressSanitizer and valgrind.
for file in $(printf '%s/*.c ' "${folders[@]}"); do
	gcc -std=gnu17 "$@" -O1 -fanalyzer -Wno-analyzer-malloc-leak -Wno-analyzer-use-of-uninitialized-value -Werror -S -o /dev/null "$file" || faulty=1
done
exit "$faulty"
