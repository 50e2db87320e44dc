#!/usr/bin/perl
# What a botnet writes into the logs.
#
#   spray.pl WHAT FROM TO TIME [STEP]
#
# Lines number FROM to TO - 1 of a spray, on standard output. The first is of that time, and each STEPth is a second later (none: all are of one second). WHAT:
#
#   web      fetches of as many MACs from as many addresses, each of a network of its own, as far as there are so many; answered 404, 401 or 200
#   forged   wrong SIP passwords by UDP from as many addresses
#   rotating wrong SIP passwords by TCP from the /64s of one /48, each a few times
#   near     the same from the other addresses of 192.0.2.0/24
#   users    the same from 198.51.100.99 alone, for as many users
#   guess    the same from 192.0.2.66, for one user
#   scan     fetches of MACs that nobody has, 404, from as many addresses in a row
use strict;
use warnings;
use POSIX qw(strftime);

my ($what, $from, $to, $time, $step) = @ARGV;
my (%web, %sip);
my @status = (404, 404, 401, 200);

sub address { my ($n) = @_; return join '.', unpack 'C4', pack 'N', $n }

# Every number below 1.6 thousand million has its own, from 16.0.0.0 to 111.255.255.255.
sub scattered { my ($n) = @_; return address(0x10000000 + $n * 1640531527 % 0x60000000) }

sub web {
	my ($at, $ip, $mac, $status) = @_;
	$web{$at} //= strftime '%d/%b/%Y:%H:%M:%S +0000', gmtime $at;
	return sprintf "%s - - [%s] \"GET /02%010x.cfg HTTP/1.1\" %d 153 \"-\" \"-\"\n", $ip, $web{$at}, $mac, $status;
}

sub sip {
	my ($at, $ip, $user, $n, $transport) = @_;
	my ($stamp, $iso) = @{$sip{$at} //= [strftime('%Y-%m-%d %H:%M:%S', gmtime $at), strftime('%Y-%m-%dT%H:%M:%S.000+0000', gmtime $at)]};
	my $v = $ip =~ /:/ ? 'IPV6' : 'IPV4';
	return "[$stamp] SECURITY[1] res_security_log.c: SecurityEvent=\"InvalidPassword\",EventTV=\"$iso\",Severity=\"Error\",Service=\"PJSIP\"," .
		"EventVersion=\"1\",AccountID=\"$user\",SessionID=\"s$n\",LocalAddress=\"$v/$transport/192.0.2.1/5060\"," .
		"RemoteAddress=\"$v/$transport/$ip/5060\"\n";
}

my %line = (
	web => sub { my ($n, $at) = @_; web($at, scattered($n), $n, $status[$n % 4]) },
	forged => sub { my ($n, $at) = @_; sip($at, scattered($n), 100 + $n % 900, $n, 'UDP') },
	rotating => sub { my ($n, $at) = @_; sip($at, sprintf('2001:db8:66:%x::1', int($n / 3) % 65536), 100 + $n % 3, $n, 'TCP') },
	near => sub { my ($n, $at) = @_; sip($at, '192.0.2.' . (100 + $n % 150), 100 + int($n / 150) % 9, $n, 'TCP') },
	users => sub { my ($n, $at) = @_; sip($at, '198.51.100.99', "user$n", $n, 'TCP') },
	guess => sub { my ($n, $at) = @_; sip($at, '192.0.2.66', '4711', "g$n", 'TCP') },
	scan => sub { my ($n, $at) = @_; web($at, address(0x14000000 + $n), $n, 404) },
);
my $line = $line{$what} or die "no such spray: $what\n";
print $line->($_, $time + ($step ? int(($_ - $from) / $step) : 0)) for $from .. $to - 1;
