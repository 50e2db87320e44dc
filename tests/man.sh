#!/usr/bin/env bash
# The manual is sound mdoc, and the code is laid out as .clang-format says. Speaks TAP.
set -u
cd "${top_srcdir:-.}" || exit 1

pages=(man/*.[1-9])
echo "1..$((${#pages[@]} + 1))"
number=0
for page in "${pages[@]}"; do
	number=$((number + 1))
	if ! command -v mandoc >/dev/null; then
		echo "ok $number - $page is sound mdoc # SKIP no mandoc here"
		continue
	fi
	# Pages of this project that it refers to need not be installed yet.
	faults=$(mandoc -T lint "$page" | grep -v 'referenced manual not found')
	if [ -z "$faults" ]; then
		echo "ok $number - $page is sound mdoc"
	else
		echo "not ok $number - $page is sound mdoc"
		sed 's/^/# /' <<<"$faults"
	fi
done
number=$((number + 1))
name="code is laid out as .clang-format says"
if ! clang-format --version 2>/dev/null | grep -q 'version 14\.'; then
	echo "ok $number - $name # SKIP no clang-format 14 here"
elif faults=$(clang-format --dry-run -Werror {common,analyzer,enforcer,portal,cmd,tests/unit}/*.[ch] 2>&1); then
	echo "ok $number - $name"
else
	echo "not ok $number - $name"
	grep ': error' <<<"$faults" | head -20 | sed 's/^/# /'
fi
