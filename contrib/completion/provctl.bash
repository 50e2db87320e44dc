# bash completion for provctl(8). Verbs and options are taken from `provctl --help` and `provctl VERB --help`, once in a shell.

declare -gA _provctl_help=()

# _provctl_verbs PROGRAM: its verbs
_provctl_verbs() {
	[ -n "${_provctl_help[-verbs]:-}" ] ||
		_provctl_help[-verbs]=$("$1" --help 2>/dev/null | sed -n '/^Verbs:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p')
	printf '%s\n' "${_provctl_help[-verbs]}"
}

# _provctl_options PROGRAM [VERB]: options, "NAME" or "NAME ARGUMENT" on a line
_provctl_options() {
	local key=${2:-'-'}
	# shellcheck disable=SC2086 # no verb is no word
	[ -n "${_provctl_help[$key]:-}" ] ||
		_provctl_help[$key]=$("$1" ${2:-} --help 2>/dev/null |
			sed -n -E -e 's/^  (-[a-z]), (--[a-z-]+)( [A-Z]+)? .*/\1\3\n\2\3/p' -e 's/^      (--[a-z-]+)( [A-Z]+)? .*/\1\2/p')
	printf '%s\n' "${_provctl_help[$key]}"
}

_provctl() {
	local program=$1 word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} verb='' argument='' i
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-c | --config | --actor | --reason) i=$((i + 1)) ;;
		-*) ;;
		*)
			verb=${COMP_WORDS[i]}
			break
			;;
		esac
	done
	argument=$(_provctl_options "$program" "$verb" | sed -n "s/^$before //p")
	case $before,$argument in
	--role,*) mapfile -t COMPREPLY < <(compgen -W 'operator support account user verdict metrics' -- "$word") ;;
	--state,*) mapfile -t COMPREPLY < <(compgen -W 'new locked unlocked held' -- "$word") ;;
	-*,FILE) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
	-*,?*) ;;
	*)
		if [[ $word == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W "$(_provctl_options "$program" "$verb" | cut -d' ' -f1)" -- "$word")
		elif [ -z "$verb" ]; then
			mapfile -t COMPREPLY < <(compgen -W "$(_provctl_verbs "$program")" -- "$word")
		else
			case $verb,$before in
			home,home) mapfile -t COMPREPLY < <(compgen -W 'add remove list' -- "$word") ;;
			network,network) mapfile -t COMPREPLY < <(compgen -W 'add remove list' -- "$word") ;;
			token,token) mapfile -t COMPREPLY < <(compgen -W 'add list revoke' -- "$word") ;;
			window,window) mapfile -t COMPREPLY < <(compgen -W 'open list close' -- "$word") ;;
			analyze,* | import,* | test,*) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
			apply,*) mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
			esac
		fi
		;;
	esac
}

complete -o filenames -F _provctl provctl
