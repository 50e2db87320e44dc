#!/usr/bin/perl
# Asks a portal for verdicts as fast as it answers, over connections that stay.
#
#   verdict.pl ADDRESS PORT CONNECTIONS SECONDS TOKEN-FILE MAC...
#
# Each connection asks for one phone after the other, for its home and for a stranger's address in turn, the next when the one before is answered.
# Prints the milliseconds that each answer took, one a line; any answer but 204 and 403 is an error.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(time);

my ($address, $port, $connections, $seconds, $token, @macs) = @ARGV;
open my $file, '<', $token or die "$token: $!\n";
chomp($token = <$file>);

my $select = IO::Select->new;
my %asked; # by descriptor: when
my @took;
my $n = 0;

sub ask {
	my ($socket) = @_;
	my $mac = $macs[$n / 2 % @macs];
	my $ip = $n++ % 2 ? '192.0.2.77' : '203.0.113.7';
	$asked{fileno $socket} = time;
	$socket->syswrite("GET /v1/verdict?mac=$mac&ip=$ip HTTP/1.1\r\nHost: portal\r\nAuthorization: Bearer $token\r\n\r\n") or die "verdict: $!\n";
}

for (1 .. $connections) {
	my $socket = IO::Socket::INET->new(PeerAddr => $address, PeerPort => $port) or die "verdict: $address:$port: $!\n";
	$socket->setsockopt(IPPROTO_TCP, TCP_NODELAY, 1);
	$select->add($socket);
}
ask($_) for $select->handles;
my %answer;
my $end = time + $seconds;
while (time < $end) {
	for my $socket ($select->can_read(1)) {
		my $fd = fileno $socket;
		$socket->sysread($answer{$fd}, 65536, length($answer{$fd} //= '')) or die "verdict: the portal closed a connection\n";
		my $head = index $answer{$fd}, "\r\n\r\n";
		next if $head < 0;
		my $body = $answer{$fd} =~ /^content-length: *(\d+)/im ? $1 : 0;
		next if length $answer{$fd} < $head + 4 + $body;
		die 'verdict: ', $answer{$fd} =~ /^([^\r]*)/, "\n" if $answer{$fd} !~ m{^HTTP/1\.1 (?:204|403) };
		push @took, time - $asked{$fd};
		$answer{$fd} = '';
		ask($socket);
	}
}
printf "%.4f\n", 1000 * $_ for @took;
