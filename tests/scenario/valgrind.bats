# A pass, a command and a list under valgrind: no error, no leak, in any of the three programs.

load setup

checked() {
	local status=0
	valgrind -q --trace-children=yes --child-silent-after-fork=yes --leak-check=full --error-exitcode=99 --log-file="$folder/valgrind.%p" \
		"$folder/bin/provctl" -c provctl.yaml "$@" >out 2>err || status=$?
	cat "$folder"/valgrind.* >found
	if [ "$status" != 0 ] || [ -s found ]; then
		cat out err found
		return 1
	fi
}

@test "valgrind finds nothing in a pass, in an unlock, in lists" {
	command -v valgrind >/dev/null || skip "no valgrind here"
	without_sanitizers "they do not run under valgrind"
	# It knows no seccomp: these are the same programs without it.
	mkdir bin
	cp "$bin/provctl" "$bin"/tests/open/prov-{analyzer,enforcer} bin
	perl "${top_srcdir:-$BATS_TEST_DIRNAME/../..}/tests/story.pl" 3 2000 log
	at 2d
	checked analyze
	checked unlock "$(sed -n 's/^device \([0-9a-f]*\) locked.*provisioned.*/\1/p' publish/lockstate | head -1)"
	checked list
	checked bans --all
	checked log
	checked explain 192.0.2.10
	checked analyze
}
