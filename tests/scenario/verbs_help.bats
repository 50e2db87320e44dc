# --help of provctl and of each verb: usage, what a newcomer must know, options, an example.

load setup
load golden

# helps VERB: its help is what standard input says, but for the options that every verb has.
helps() {
	local wanted
	wanted=$(cat)
	provctl "$1" --help >help.out
	grep -q '^Options of every verb:$' help.out
	same "$(sed '/^Options of every verb:$/,/^$/d' help.out)" "$wanted"
}

@test "--help and --version of provctl" {
	provctl --version | grep -qE '^provctl [0-9]+\.[0-9]+\.[0-9]+$'
	shows --help <<'END'
provctl protects VoIP phone provisioning: it locks phones and bans addresses by what the
server logs say.

Usage: provctl [-c FILE] VERB [OPTION...] [WORD...]

Verbs:
  analyze        read what the logs have new, lock phones and ban addresses
  status         show sources and their lag, counts, and what needs a person
  explain        tell why a device, an address or a log line is taken as it is
  list           list devices
  show           show all that is known of a device
  unlock         open a device, or all of an account, to any address for a while
  lock           close a device: it is served at its home and nowhere else
  home           change or list the addresses that a locked device is served from
  window         open one address to every device of an account for 1 to 40 hours
  network        prefixes that always are home to the devices of an account
  add            put a device into the inventory, or change what is said of it
  remove         take a device out of the inventory
  import         take the inventory from a CSV file
  clear-exposed  say that the credentials of an exposed device were changed
  ip             show what is known of an address
  bans           list what is banned, blocked, allowed or pending
  ban            drop an address for a while
  unban          lift the bans and the block of an address, or all bans
  block          drop an address until an admin lifts it
  allow          never ban an address, whatever it does
  log            print the record: every change, who, when and why
  verdict        what a generator answers an address that asks for a device
  pause          lift every ban for a while
  resume         end a pause
  sync           make the lock-state file and the firewall agree with the state
  recover        put the last whole backup in the place of a damaged state
  apply          install the bans that an enforcer elsewhere publishes on this machine
  check          read the configuration and every rule, and tell every fault
  test           run the samples that the rules carry
  token          make, list or revoke the tokens of the portal

Options of every verb:
  -c, --config FILE          read this configuration, not /etc/provctl/provctl.yaml
      --json                 print JSON: one document, or one object a line for lists
      --actor NAME           record on whose behalf this is done
      --reason TEXT          record why this is done
  -h, --help                 print this help and end
      --version              print the version and end

`provctl VERB --help` tells more. Manual: provctl(8).
exit 0
END
	shows lock --help <<'END'
Usage: provctl lock MAC [--no-home]

Ends every open state of the device and keeps its home.

Options:
      --no-home              forget its home too: nobody is served until an unlock

Options of every verb:
  -c, --config FILE          read this configuration, not /etc/provctl/provctl.yaml
      --json                 print JSON: one document, or one object a line for lists
      --actor NAME           record on whose behalf this is done
      --reason TEXT          record why this is done
  -h, --help                 print this help and end
      --version              print the version and end

Example:
  provctl lock 001565abcdef
exit 0
END
}

@test "each verb has its help" {
	helps analyze <<'END'
Usage: provctl analyze [--follow | --dry-run] [--format F] [--year-at T] [--timezone Z] [FILE...]

One pass over the configured sources, from where the last one stopped: for cron.
FILEs are read instead of them; - is standard input. Each log is counted once,
however often it is named or read, but for standard input.
With --follow it goes on as the logs grow, until SIGTERM or ^C.
With --dry-run nothing is changed, and what would be is shown.

Options:
      --follow               go on with what the logs get; SIGHUP reads the rules again
      --dry-run              change nothing: show what would be locked and banned
      --format F             the format of the FILEs
      --year-at T            a time near the end of the FILEs, for stamps without a year
      --timezone Z           the time zone of the FILEs, such as Europe/Berlin

Example:
  provctl analyze /var/log/nginx/access.log
END
	helps apply <<'END'
Usage: provctl apply DIR [--nginx FILE] [--haproxy FILE]

DIR is a copy of the folder that holds its lock-state file. Its bans are installed whole or
not at all, in nftables; each ends at its time, and firewall.never of this machine holds.
Behind a balancer, where no packet shows whose it is, --nginx and --haproxy write a file for
the web server or the balancer instead. Where nothing is to change nothing is touched.

Options:
      --nginx FILE           write them to FILE, for a `geo` block of nginx to include
      --haproxy FILE         write them to FILE, for an ACL of HAProxy (-f FILE)

Example:
  provctl apply /var/lib/provctl/publish
END
	helps status <<'END'
Usage: provctl status

Exit 1 if anything needs a person. LAG is in bytes that are yet to be read.

Options:
      --prometheus           print metrics in the text format of Prometheus

Example:
  provctl status || provctl status | mail -s provctl admin@example.net
END
	helps explain <<'END'
Usage: provctl explain MAC | IP | --line TEXT [--format F]

For a device or an address: its state, what caused it with the line of the log that shows it,
the time that is left, and the command that changes it. For a line: the format, its fields,
every rule and how far it got, and the event.

Options:
      --line TEXT            a line of a log
      --format F             its format (default: the first that can read it)

Example:
  provctl explain 001565abcdef
END
	helps list <<'END'
Usage: provctl list [--account NAME] [--state STATE] [--exposed] [--moved] [--registered]

One line a device, in the order of their MACs. Each option narrows the list.

Options:
      --account NAME         of this account
      --state STATE          new, locked, unlocked or held
      --exposed              whose configuration was served to a stranger
      --moved                that somebody asked for from elsewhere
      --registered           whose user registered within 24 hours

Example:
  provctl list --moved --account acct1
END
	helps show <<'END'
Usage: provctl show MAC

`provctl explain` tells why it is so.

Example:
  provctl show 00-15-65-AB-CD-EF
END
	helps unlock <<'END'
Usage: provctl unlock MAC... [--for T] [--support] | --account NAME [--for T] [--yes]

Opens each device to any address for 24 hours: for a phone that moved or was replaced.
The first fetch from outside its old home locks it to that address. A device that is
held, or whose configuration was replaced by a custom one, is refused (exit 3).
With --account each device stays open until it is used; held and custom ones are skipped.

Options:
      --account NAME         all devices of this account, until each is used
      --for T                for so long (24h; with --account 1h to 40h bound it)
      --support              open a held device too
  -y, --yes                  do not ask before opening an account

Example:
  provctl unlock 00:15:65:ab:cd:ef --for 2h --reason 'moved to the new office'
END
	helps lock <<'END'
Usage: provctl lock MAC [--no-home]

Ends every open state of the device and keeps its home.

Options:
      --no-home              forget its home too: nobody is served until an unlock

Example:
  provctl lock 001565abcdef
END
	helps home <<'END'
Usage: provctl home add|remove MAC IP|PREFIX, or list MAC

A home that is given here is kept until it is removed here; polls add others by themselves.

Example:
  provctl home add 001565abcdef 203.0.113.7
END
	helps window <<'END'
Usage: provctl window open|close IP|PREFIX --account NAME|--any-account [--for T], or list

For a site where many phones are set up at once. A device that is fetched from the address
while the window is open is locked to it. The window lifts the address's ban and keeps it
from being banned while it is open. A prefix is at least a /24 or /48. Held devices stay closed.

Options:
      --account NAME         for the devices of this account
      --any-account          for every device
      --for T                for so long: 1h to 40h, whole hours

Example:
  provctl window open 203.0.113.9 --account acct1 --for 4h
END
	helps network <<'END'
Usage: provctl network add|remove PREFIX --account NAME, or list [--account NAME]

For an office, or a second line of it: every device of the account is served from there.

Options:
      --account NAME         the account

Example:
  provctl network add 192.0.2.0/28 --account acct1
END
	helps add <<'END'
Usage: provctl add MAC [--account NAME] [--custom yes|no]

A device that was not known, or was removed, becomes new: it is open to anyone until its
first fetch, for at most devices.new_for.

Options:
      --account NAME         the account it belongs to
      --custom yes|no        whether its configuration was replaced by a custom one

Example:
  provctl add 001565abcdef --account acct1
END
	helps remove <<'END'
Usage: provctl remove MAC

It stays listed as locked, without a home, for 30 days; `provctl add` makes it new again.

Example:
  provctl remove 001565abcdef
END
	helps import <<'END'
Usage: provctl import FILE [--adopt] [--prune]

The first line names the columns, in any order: mac,account,created,home,user,realm,custom.
Homes are separated by blanks and make the device locked. A MAC may have several rows, one
for each SIP user. Nothing is changed if any line has a fault. - is standard input.
Importing again changes nothing that events have decided.

Options:
      --adopt                the first fetch of a device that would be stale sets its home
      --prune                remove devices that the file does not name, but for learned ones

Example:
  provctl import devices.csv --adopt
END
	helps clear-exposed <<'END'
Usage: provctl clear-exposed MAC

For after the SIP password was changed: ends the exposure, and drops every home but the one
that the device was provisioned from, and the secret path it was known by.

Example:
  provctl clear-exposed 001565abcdef --reason 'new SIP password'
END
	helps ip <<'END'
Usage: provctl ip IP

Statuses: never (it cannot be banned), allowed, blocked, banned, pending, failed (failures that
count), known (it is the home of a device, in a network, or had a registration within 24h).

Example:
  provctl ip 203.0.113.9
END
	helps bans <<'END'
Usage: provctl bans [--all]

PACKETS counts what the firewall dropped. A ban that is pending waits for
firewall.bans_per_minute.

Options:
      --all                  those that are over too, the newest first

Example:
  provctl bans --json | jq -r 'select(.status == "banned").ip'
END
	helps ban <<'END'
Usage: provctl ban IP|PREFIX --for T [--comment TEXT] [--force]

The firewall drops what the address sends to firewall.ports. Some addresses are never banned
(exit 3): this host's own, its gateways and resolvers, trusted proxies, firewall.never; and the one
that your ssh session comes from, unless --force.

Options:
      --for T                for so long: 90s, 15m, 24h, 7d
      --comment TEXT         a word for those who read `provctl bans`
      --force                even where your own ssh session comes from

Example:
  provctl ban 198.51.100.4 --for 24h --comment 'ticket 4711'
END
	helps unban <<'END'
Usage: provctl unban IP|PREFIX | --all

A ban that was lifted by hand is not remembered: the next one begins at the shortest time.

Options:
      --all                  every ban; blocks stay

Example:
  provctl unban 203.0.113.9 --reason 'wrong password in a new phone'
END
	helps block <<'END'
Usage: provctl block IP|PREFIX [--for T] [--comment TEXT] [--remove] [--force]

A ban without end, or with the one that --for gives. `provctl unban` or --remove lifts it.

Options:
      --for T                for so long, not without end
      --comment TEXT         a word for those who read `provctl bans`
      --remove               take it away again
      --force                even where your own ssh session comes from

Example:
  provctl block 198.51.100.0/24 --comment 'nobody of ours'
END
	helps allow <<'END'
Usage: provctl allow IP|PREFIX [--for T] [--comment TEXT] [--remove]

Without end, or with the one that --for gives. --remove takes it away again.

Options:
      --for T                for so long, not without end
      --comment TEXT         a word for those who read `provctl bans`
      --remove               take it away again

Example:
  provctl allow 203.0.113.9 --comment 'monitoring'
END
	helps log <<'END'
Usage: provctl log [MAC|IP] [--since T]

The newest is last. --json gives the evidence too: log, offset and line.

Options:
      --since T              from so long ago (24h, 7d), or from a time on

Example:
  provctl log 001565abcdef --since 7d
END
	helps verdict <<'END'
Usage: provctl verdict MAC IP [--at TIME]

Exit 0: served, 1: refused, 5: before the record begins. A time ahead is answered as if
nothing more happened.

Options:
      --at TIME              at that time: 2026-11-22T10:00:00Z or @SECONDS (now)

Example:
  provctl verdict 001565abcdef 203.0.113.7 --at 2026-11-22T10:00:00Z
END
	helps pause <<'END'
Usage: provctl pause [--for T] [--locks]

For the day when honest phones are refused by mistake. Nothing is forgotten: it ends by
itself or with `provctl resume`.

Options:
      --for T                for so long (1h)
      --locks                publish every device as open, too

Example:
  provctl pause --for 30m --locks --reason 'phones refused after the move'
END
	helps resume <<'END'
Usage: provctl resume

Bans and locks are in force again at once.

Example:
  provctl resume
END
	helps sync <<'END'
Usage: provctl sync

Writes both anew, whatever they hold. Needed only after somebody else changed them.

Example:
  provctl sync
END
	helps recover <<'END'
Usage: provctl recover [--yes]

Does nothing to a state that is whole. The enforcer must not run. The damaged state is set
aside, not removed. What logs told since the backup was made is read again, exactly once;
commands given since are listed, as far as the damaged record tells, to be given again.
Tokens revoked since stay revoked; those of which that cannot be read are listed.

Options:
  -y, --yes                  do not ask

Example:
  provctl recover
END
	helps check <<'END'
Usage: provctl check [--print]

Each fault is told with file:line:column; exit 2 on any. Warns of what weakens the lock, and of
rules that never match, are shadowed, trust a client's words or backtrack.

Options:
      --print                print the configuration in force, each value with where it came from

Example:
  provctl -c ./provctl.yaml check
END
	helps test <<'END'
Usage: provctl test [FILE...]

Each sample that gives another event than it says is told with file:line:column; exit 1 then.
Rules come from the folders of the configuration, or from the files or folders given.

Example:
  provctl test /etc/provctl/rules/mine.yaml
END
	helps token <<'END'
Usage: provctl token add --role ROLE [--account NAME] [--mac MAC] [--for T], list, or revoke ID

operator may all; support reads all, unlocks (held devices too), locks, opens windows and
lifts bans; account sees, locks and unlocks the devices of one account; user sees and unlocks
the devices that it names; verdict asks whether a device is served at an address; metrics reads
metrics. The token is printed once and not kept: show it to the portal as a Bearer token. An end
by revoke holds at once.

Options:
      --role ROLE            operator, support, account, user, verdict or metrics
      --account NAME         the account of a token of role account
      --mac MAC              a device of a token of role user; several by commas, or as words
      --for T                for so long; without it until it is revoked
      --comment TEXT         whose it is: shown in lists and the record

Example:
  provctl token add --role account --account acct1 --for 30d --comment 'Ann of acct1'
END
}

@test "no verb is without help" {
	provctl --help | sed -n '/^Verbs:$/,/^$/s/^  \([a-z-]*\) .*/\1/p' | while read -r verb; do
		grep -q "^	helps $verb " "$BATS_TEST_FILENAME" || {
			echo "$verb is not among the goldens"
			exit 1
		}
	done
}

@test "the manual has every verb, and every option of each" {
	local verb option page=${top_srcdir:-$BATS_TEST_DIRNAME/../..}/man/provctl.8
	for verb in $(provctl --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z-]*\) .*/\1/p'); do
		grep -q "^\.It Cm $verb\b" "$page" || { echo "$verb"; false; }
		for option in $(provctl "$verb" --help | sed -nE '/^Options:/,/^$/s/^  +(-[a-z], )?--([a-z-]+)[ ].*/\2/p'); do
			sed -n "/^\.It Cm $verb\b/,/^[^.]/p" "$page" | grep -qE "Fl -$option( |\$)" || { echo "$verb --$option"; false; }
		done
	done
}
