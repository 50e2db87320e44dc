# What a syslog daemon does with Kamailio's lines: from "RANK(PID) LEVEL: ..." on standard error to a line with a time, a host and a program.
use strict;
use warnings;
use POSIX qw(strftime);
use Time::HiRes qw(gettimeofday);

$| = 1;
while (my $line = <STDIN>) {
	my ($seconds, $micros) = gettimeofday;
	next unless $line =~ s/^\s*\d+\((\d+)\) /kamailio[$1]: /;
	print strftime('%Y-%m-%dT%H:%M:%S', gmtime $seconds), sprintf('.%06dZ sbc ', $micros), $line;
}
