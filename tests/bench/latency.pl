#!/usr/bin/perl
# From a line written to a packet dropped. For each address in turn writes a line that bans it, 30 ms apart, and sends an echo server a packet from it each
# millisecond until none is answered any more.
#
#   latency.pl serve ADDRESS PORT                                       the echo server
#   latency.pl probe LOG CLOCK SERVER PORT QUIET PID SIZE ADDRESS...    prints the milliseconds of each, one a line
#
# CLOCK is the lines' time. QUIET is how many seconds without answers are the end. Where PID is not 0, lines count that were written before that process had read SIZE bytes, and no
# more are written then.
use strict;
use warnings;
use IO::Socket::INET;
use POSIX qw(strftime);
use Time::HiRes qw(time sleep);

use constant {GAP => 0.03, INTERVAL => 0.001, PATIENCE => 20};

my $what = shift;
if ($what eq 'serve') {
	my ($address, $port) = @ARGV;
	my $socket = IO::Socket::INET->new(LocalAddr => $address, LocalPort => $port, Proto => 'udp') or die "serve: $!\n";
	while (1) {
		my $from = $socket->recv(my $packet, 64) // next;
		$socket->send($packet, 0, $from);
	}
}
my ($log, $clock, $server, $port, $quiet, $pid, $size, @addresses) = @ARGV;
open my $file, '>>', $log or die "$log: $!\n";
$file->autoflush(1);

sub reading {
	return 1 if !$pid;
	open my $io, '<', "/proc/$pid/io" or return 0;
	local $/;
	return <$io> =~ /^rchar: (\d+)$/m && $1 < $size;
}

# Of each address: its socket, when the line was written (0: the way there is being learnt), when packets were sent, the newest that was answered.
my %tried;
my $next = 0;
while (@addresses || %tried) {
	my $now = time;
	if (@addresses && $now >= $next) {
		if (reading()) {
			my $address = shift @addresses;
			my $socket = IO::Socket::INET->new(LocalAddr => $address, PeerAddr => $server, PeerPort => $port, Proto => 'udp', Blocking => 0)
				or die "probe $address: $!\n";
			$tried{$address} = {socket => $socket, begun => $now, written => 0, sent => [0], answered => 0};
			$next = $now + GAP;
		} else {
			@addresses = ();
		}
	}
	for my $address (keys %tried) {
		my $t = $tried{$address};
		if ($now - $t->{sent}[-1] >= INTERVAL) {
			$now = time;
			$t->{socket}->send($now);
			push @{$t->{sent}}, $now;
		}
		while (defined $t->{socket}->recv(my $packet, 64)) {
			$t->{answered} = $packet if $packet > $t->{answered};
		}
		if (!$t->{written}) {
			die "probe $address: no answer from $server\n" if $now - $t->{begun} > PATIENCE;
			next if !$t->{answered};
			if (!reading()) {
				delete $tried{$address};
				next;
			}
			$t->{written} = time;
			printf $file "%s sbc kamailio[7]: NOTICE: <script>: provctl: scan src=%s proto=tls user=x realm=x callid=x\n",
				strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $clock), $address;
			next;
		}
		my $alive = $t->{answered} > $t->{written} ? $t->{answered} : $t->{written};
		die "probe $address: not dropped within ${\PATIENCE} s\n" if $alive - $t->{written} > PATIENCE;
		next if $now - $alive < $quiet;
		# The first packet that was not answered: it may have been dropped later than it was sent never, earlier perhaps.
		my ($first) = grep { $_ > $alive } @{$t->{sent}};
		printf "%.3f\n", 1000 * (($first // $now) - $t->{written});
		delete $tried{$address};
	}
	sleep INTERVAL / 3;
}
