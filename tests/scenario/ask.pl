#!/usr/bin/perl
# ask.pl SOCKET: a raw client of the enforcer's command sockets (enforcer/control.h). Each line of standard input is the body of a request, sent on one
# connection; of each answer every frame is printed on a line: its tag, a blank and its body.
use strict;
use warnings;
use IO::Socket::UNIX;

my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "$ARGV[0]: $!\n";

sub take {
	my ($n) = @_;
	my $bytes = '';
	while (length $bytes < $n) {
		sysread($s, $bytes, $n - length $bytes, length $bytes) or die "the connection ended\n";
	}
	return $bytes;
}

sub frame {
	my ($n, $tag) = unpack 'V a', take(5);
	return ($tag, $n ? take($n) : '');
}

my ($tag) = frame();
die "no greeting\n" if $tag ne 'h';
while (my $request = <STDIN>) {
	chomp $request;
	syswrite $s, pack('V a', length $request, 'q') . $request;
	do {
		($tag, my $body) = frame();
		print "$tag $body\n";
	} while ($tag ne 'e');
}
