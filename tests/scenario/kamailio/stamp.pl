# stamp.pl FROM TO: what a syslog daemon does with Kamailio's lines: from "RANK(PID) LEVEL: ..." on standard error to a line with a time, a host and a program.
use strict;
use warnings;
use IO::Handle;
use POSIX qw(strftime);
use Time::HiRes qw(gettimeofday);

open my $in, '<', $ARGV[0] or die "$ARGV[0]: $!";
open my $out, '>>', $ARGV[1] or die "$ARGV[1]: $!";
$out->autoflush;
while (my $line = <$in>) {
	my ($seconds, $micros) = gettimeofday;
	next unless $line =~ s/^\s*\d+\((\d+)\) /kamailio[$1]: /;
	print $out strftime('%Y-%m-%dT%H:%M:%S', gmtime $seconds), sprintf('.%06dZ sbc ', $micros), $line;
}
