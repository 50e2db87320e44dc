#!/usr/bin/env bash
# Holds the page's files to each other and to the programs: its words, what its content security policy allows, what is installed. TAP.
# Fit to be run by hand: bash tests/page.sh
set -u
export LC_ALL=C
top=${top_srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
cd "$top/portal/page" || exit 1
if ! command -v jq >/dev/null; then
	echo "1..0 # SKIP no jq here"
	exit 0
fi
n=0

# case_ TITLE COMMAND...: passes where the command prints nothing.
case_() {
	local title=$1 found
	shift
	n=$((n + 1))
	found=$("$@" 2>&1)
	if [ -z "$found" ]; then
		echo "ok $n - $title"
	else
		echo "not ok $n - $title"
		sed 's/^/# /' <<<"$found"
	fi
}

words() {
	jq -r '.en | keys[]' texts.json | sort -u
}

named() {
	{
		grep -ohE "'[a-z]+\.[a-z_]+'" ./*.js | tr -d "'" | grep -vE '_$|\.json$'
		grep -oE 'data-text(-[a-z-]+)?="[^"]+"' page.html | sed 's/.*="//; s/"//'
	} | sort -u
}

# Whose second half is a word of the programs.
begun='^(state|says|mark|what|trigger|trouble|session|addresses|me)\.|^all\.skip_'

missing_words() {
	comm -13 <(words) <(named)
}

idle_words() {
	comm -23 <(words) <(named) | grep -vE "$begun"
}

missing_triggers() {
	comm -13 <(words) <(awk '$1 == "-" && $2 == "id:" { id = $3 } $1 == "do:" && /ban:/ { print "trigger." id }' "$top/rules/triggers.yaml" | sort)
}

missing_events() {
	comm -13 <(words) <(sed -n '/^static const char \*const record_words/,/NULL/p' "$top/enforcer/judge.c" | grep -oE '"[a-z-]+"' | tr -d '"' | sed 's/^/what./' | sort)
}

# What the policy would refuse, and what would make markup of data.
unsafe() {
	grep -nE '<script>|<style|style="| on[a-z]+="|javascript:|innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function' ./*.html ./*.js
	grep -nE '(https?:)?//[a-z0-9]+\.' ./*.html ./*.js ./*.css ./*.json
}

not_installed() {
	local file
	for file in *; do
		[ "$file" = files.mk ] || grep -q "portal/page/$file\( \|$\)" files.mk || echo "$file"
	done
}

unreachable() {
	comm -13 <(ls ./*.js | sort) <(grep -ohE "from '\./[a-z]+\.js'" ./*.js | grep -oE '\./[a-z]+\.js' | sort -u)
}

echo 1..7
case_ "each word that the page asks for is in texts.json" missing_words
case_ "no word is in texts.json in vain" idle_words
case_ "each trigger that bans is told to who is banned in words" missing_triggers
case_ "each event of the record is told in words" missing_events
case_ "nothing in the page is inline, makes markup of data or comes from elsewhere" unsafe
case_ "each file of the page is installed" not_installed
case_ "each module that is imported is there" unreachable
