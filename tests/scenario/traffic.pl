#!/usr/bin/perl
# Traffic for the scenarios of the firewall.
#
#   traffic.pl send PORT TO FROM...    a datagram from each address every 5 ms
#   traffic.pl hear PORT               prints "MILLISECONDS ADDRESS" for each that arrives
#   traffic.pl worst ADDRESS           reads that: for how long at most they came from the address without a pause of 60 ms
#   traffic.pl serve PORT              answers each line on each connection by the peer's address
#   traffic.pl ask PORT TO FROM        one line, and its answer; fails where none comes within a second
#   traffic.pl hold PORT TO FROM       connects, and prints what comes back for a line a 10th of a second, until nothing does for a second
use strict;
use warnings;
use IO::Select;
use IO::Socket::IP;
use Time::HiRes qw(time sleep);

$| = 1;
my ($what, @args) = @ARGV;

sub send_all {
	my ($port, $to, @from) = @_;
	my @sockets = map {
		IO::Socket::IP->new(LocalHost => $_, PeerHost => $to, PeerPort => $port, Proto => 'udp', Type => SOCK_DGRAM) or die "$_: $@"
	} @from;
	while (1) {
		$_->send('.') for @sockets;
		sleep 0.005;
	}
}

sub hear {
	my ($port) = @_;
	my $socket = IO::Socket::IP->new(LocalHost => '0.0.0.0', LocalPort => $port, Proto => 'udp', Type => SOCK_DGRAM) or die $@;
	while (defined $socket->recv(my $data, 64)) {
		printf "%d %s\n", time * 1000, $socket->peerhost;
	}
}

sub worst {
	my ($address) = @_;
	my ($first, $last, $worst) = (0, 0, 0);
	while (my $line = <STDIN>) {
		my ($at, $from) = split ' ', $line;
		next unless defined $from && $from eq $address;
		$first = $at if $at - $last > 60;
		$last = $at;
		$worst = $last - $first + 1 if $last - $first + 1 > $worst;
	}
	print "$worst\n";
}

sub serve {
	my ($port) = @_;
	my $listener = IO::Socket::IP->new(LocalHost => '0.0.0.0', LocalPort => $port, Listen => 16, ReuseAddr => 1) or die $@;
	my $select = IO::Select->new($listener);
	while (my @ready = $select->can_read) {
		for my $socket (@ready) {
			if ($socket == $listener) {
				$select->add($listener->accept);
			} elsif (sysread $socket, my $line, 64) {
				syswrite $socket, $socket->peerhost . "\n";
			} else {
				$select->remove($socket);
				close $socket;
			}
		}
	}
}

sub hold {
	my ($port, $to, $from) = @_;
	my $socket = IO::Socket::IP->new(LocalHost => $from, PeerHost => $to, PeerPort => $port, Timeout => 2) or die "refused\n";
	my $select = IO::Select->new($socket);
	while (1) {
		syswrite $socket, "x\n" or last;
		$select->can_read(1) or last;
		sysread $socket, my $line, 64 or last;
		print $line;
		sleep 0.1;
	}
	print "dead\n";
}

sub ask {
	my ($port, $to, $from) = @_;
	my $socket = IO::Socket::IP->new(LocalHost => $from, PeerHost => $to, PeerPort => $port, Timeout => 1) or die "refused\n";
	syswrite $socket, "x\n";
	IO::Select->new($socket)->can_read(1) or die "silent\n";
	sysread $socket, my $line, 64 or die "closed\n";
}

my %does = (send => \&send_all, hear => \&hear, worst => \&worst, serve => \&serve, ask => \&ask, hold => \&hold);
$does{$what}->(@args);
