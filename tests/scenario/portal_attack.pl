#!/usr/bin/perl
# portal_attack.pl HOST:PORT PID NET MEGABYTES: what hostile clients do to an HTTP server, from NET.0.0/16; after each attack, and while it holds its connections, an honest
# client must be answered within 5 seconds, and the process may hold no more than so many megabytes. Prints what went wrong, and ends with status 1 then.
use strict;
use warnings;
use Errno qw(EAGAIN EINPROGRESS EWOULDBLOCK);
use IO::Select;
use IO::Socket::INET;
use Socket;
use Time::HiRes qw(time);

my ($at, $pid, $net, $megabytes) = @ARGV;
my ($host, $port) = split /:/, $at;
my $to = sockaddr_in($port, inet_aton($host));
my $faults = 0;
$SIG{PIPE} = 'IGNORE';
srand 7;

sub fault { print "@_\n"; $faults++ }

# A connection from NET.a.b that does not wait for anything; undef where none is to be had.
sub open_from {
	my ($n) = @_;
	socket(my $s, PF_INET, SOCK_STREAM, 0) or return;
	bind($s, sockaddr_in(0, inet_aton(sprintf '%s.%d.%d', $net, $n >> 8 & 255, $n & 255))) or return;
	$s->blocking(0);
	connect($s, $to) or $! == EINPROGRESS or return;
	return $s;
}

sub answer_within {
	my ($s, $seconds) = @_;
	my ($text, $till) = ('', time + $seconds);
	my $select = IO::Select->new($s);
	while (time < $till && $select->can_read($till - time)) {
		my $n = sysread($s, $text, 65536, length $text);
		next if !defined $n && $! == EAGAIN;
		last unless $n;
	}
	return $text;
}

sub honest {
	my ($what) = @_;
	my $s = IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port, Timeout => 5);
	return fault("$what: no connection") unless $s;
	syswrite $s, "GET /v1/openapi.json HTTP/1.1\r\nHost: p\r\nConnection: close\r\n\r\n";
	my $answer = answer_within($s, 5);
	fault("$what: an honest client is not answered: " . substr($answer, 0, 100)) unless $answer =~ m{^HTTP/1.1 200 } && $answer =~ /\}\s*\z/;
	open my $f, '<', "/proc/$pid/status" or return fault("$what: it is dead");
	my ($held) = map { /^VmRSS:\s*(\d+) kB/ ? $1 / 1024 : () } <$f>;
	fault("$what: holds $held MB") if !$held || $held > $megabytes;
}

# Many connections, each of an address of its own or all of one, that say this much and no more.
sub hold {
	my ($what, $n, $spread, $text) = @_;
	my @held;
	for my $i (0 .. $n - 1) {
		my $s = open_from($spread ? $i % 60000 : 1);
		push @held, $s if $s;
		honest("$what, $i open") if $i % 2500 == 2499;
	}
	fault("$what: only " . @held . " connections were made") if @held < $n * 0.9;
	if (length $text) { syswrite $_, $text for @held }
	honest($what);
}

sub raw {
	my ($what, $bytes, $wanted) = @_;
	my $s = open_from(3) or return fault("$what: no connection");
	my ($sent, $till, $answer) = (0, time + 20, '');
	my $select = IO::Select->new($s);
	while ($sent < length $bytes && time < $till) {
		my $n = $select->can_write(1) ? syswrite($s, $bytes, 65536, $sent) : 0;
		if (!defined $n && $! != EAGAIN) { last }
		$sent += $n // 0;
		last if $select->can_read(0);
	}
	$answer = answer_within($s, $wanted ? 5 : 0.01);
	fault("$what: " . substr($answer, 0, 60)) if $wanted && $answer !~ m{^HTTP/1.1 $wanted };
}

my $get = "GET /v1/openapi.json HTTP/1.1\r\nHost: p\r\n";
hold('silence', 10000, 1, '');
hold('silence of one address', 5000, 0, '');
hold('half a request', 3000, 1, "${get}X-");
hold('half a body', 3000, 1, "POST /v1/windows HTTP/1.1\r\nHost: p\r\nContent-Length: 60000\r\n\r\n{");
hold('answers that nobody reads', 3000, 1, "$get\r\n" x 20);

raw('10 MB of a body', "POST /v1/windows HTTP/1.1\r\nHost: p\r\nConnection: close\r\nContent-Length: 10485760\r\n\r\n" . 'x' x 10485760, 413);
raw('a body without end', "POST /v1/windows HTTP/1.1\r\nHost: p\r\nContent-Length: 99999999999\r\n\r\n" . 'x' x 100000, 413);
raw('10 MB in chunks', "POST /v1/windows HTTP/1.1\r\nHost: p\r\nTransfer-Encoding: chunked\r\n\r\n" . ("10000\r\n" . 'x' x 65536 . "\r\n") x 160, 411);
raw('a long header', $get . 'X: ' . 'x' x 1_000_000 . "\r\n\r\n", '');
raw('many headers', $get . "X: x\r\n" x 100_000 . "\r\n", '');
raw('a long path', 'GET /' . 'x' x 1_000_000 . " HTTP/1.1\r\nHost: p\r\n\r\n", '');
raw('line breaks alone', "\r\n" x 100_000, '');
honest('floods');

# Requests with bytes changed, dropped and doubled.
my @seeds = ("$get\r\n", "POST /v1/windows HTTP/1.1\r\nHost: p\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n{\"window\":\"1.2\"}\n",
	"DELETE /v1/me/ban?x=%41&y HTTP/1.0\r\nX-Forwarded-For: 1.2.3.4, [::1]:5\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: p\r\nExpect: 100-continue\r\n\r\n",
	"HEAD http://p/page.css HTTP/1.1\r\nHost: p\r\nIf-Match: \"x\", W/\"y\"\r\nAuthorization: Bearer pvt_x\r\n\r\n");
for my $round (1 .. 1500) {
	my $bytes = join '', map { $seeds[rand @seeds] } 0 .. rand 3;
	for (0 .. rand 8) {
		my $i = int rand length $bytes;
		my $how = int rand 4;
		if ($how == 0) { substr($bytes, $i, 1) = chr int rand 256 }
		elsif ($how == 1) { substr($bytes, $i, 1 + rand 9) = '' }
		elsif ($how == 2) { substr($bytes, $i, 0) = substr $bytes, $i, 1 + rand 40 }
		else { substr($bytes, $i, 0) = ("\0", "\r\n", '%', ' ', "\r\n ", '{', 'chunked')[rand 7] }
	}
	my $s = open_from(10 + $round % 200) or next;
	IO::Select->new($s)->can_write(5);
	syswrite $s, $bytes;
	IO::Select->new($s)->can_read(0.001);
	honest("bytes of round $round") if $round % 250 == 0;
	last if $faults;
}
honest('at the end');
exit($faults ? 1 : 0);
