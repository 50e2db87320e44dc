#!/usr/bin/perl
# portal_lift.pl HOST:PORT TOKEN VICTIM4 VICTIM6 NET: tries by every way to lift a ban that is another's, from addresses NET.1 up, a new one each, and looks after each
# whether it still stands (with TOKEN, an operator's, from the default address). Bytes are sent as they stand here. Prints what lifted one and how many tries there were.
use strict;
use warnings;
use HTTP::Tiny;
use IO::Select;
use IO::Socket::IP;
use JSON::PP;

my ($at, $token, $v4, $v6, $net) = @ARGV;
my ($host, $port) = split /:/, $at;
my $lift = "DELETE /v1/me/ban HTTP/1.1\r\nHost: p\r\n";
my $end = "Connection: close\r\n\r\n";
my $body = "{\"ip\":\"$v4\"}";
my $sized = 'Content-Length: ' . length($body) . "\r\n";
my ($near6) = $v6 =~ /^(.*::)/;
my $forged = "DELETE /v1/me/ban HTTP/1.1\r\nHost: p\r\nX-Forwarded-For: $v4\r\nConnection: close\r\n\r\n";

my @tries = (
	# forged headers
	(map { [$_, "$lift$_: $v4\r\n$end"] } 'X-Forwarded-For', 'x-forwarded-for', 'X-Real-IP', 'X-Client-IP', 'X-Originating-IP', 'X-Remote-IP', 'X-Remote-Addr',
		'X-Forwarded', 'Forwarded-For', 'X-Cluster-Client-IP', 'True-Client-IP', 'CF-Connecting-IP', 'Fastly-Client-IP', 'Client-IP', 'X-ProxyUser-Ip', 'Via', 'Host-IP', 'REMOTE_ADDR'),
	['Forwarded', "${lift}Forwarded: for=$v4\r\n$end"],
	['Forwarded, quoted', "${lift}Forwarded: for=\"[$v6]\";proto=https;by=$host\r\n$end"],
	['as IPv6', "${lift}X-Forwarded-For: $v6\r\n$end"],
	['mapped', "${lift}X-Forwarded-For: ::ffff:$v4\r\n$end"],
	['NAT64', "${lift}X-Forwarded-For: 64:ff9b::$v4\r\n$end"],
	['a neighbour of the /64', "${lift}X-Forwarded-For: ${near6}77\r\n$end"],
	['with a port', "${lift}X-Forwarded-For: $v4:80\r\n$end"],
	['the victim first', "${lift}X-Forwarded-For: $v4, 127.0.0.1\r\n$end"],
	['the victim last', "${lift}X-Forwarded-For: 127.0.0.1, $v4\r\n$end"],
	['behind the server itself', "${lift}X-Forwarded-For: $v4, $host\r\n$end"],
	['two headers', "${lift}X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-For: $v4\r\n$end"],
	['a folded header', "${lift}X-Forwarded-For: 127.0.0.1,\r\n $v4\r\n$end"],
	['a folded header with a tab', "${lift}X-Forwarded-For:\r\n\t$v4\r\n$end"],
	['a blank before the colon', "${lift}X-Forwarded-For : $v4\r\n$end"],
	['a bare line feed', "${lift}X-Other: x\nX-Forwarded-For: $v4\r\n$end"],
	['a bare carriage return', "${lift}X-Other: x\rX-Forwarded-For: $v4\r\n$end"],
	['a NUL', "${lift}X-Forwarded-For: $v4\0\r\n$end"],
	['underscores', "${lift}X_Forwarded_For: $v4\r\n$end"],
	['hop by hop', "${lift}Connection: close, X-Forwarded-For\r\nX-Forwarded-For: $v4\r\n\r\n"],
	# parameters, paths and bodies
	(map { [$_, "DELETE $_ HTTP/1.1\r\nHost: p\r\n$end"] } "/v1/me/ban?ip=$v4", "/v1/me/ban?self=$v4", "/v1/me/ban?ip[]=$v4", "/v1/me/ban/$v4", "/v1/$v4/ban", "/v1/me%2Fban?peer=$v4",
		"/v1/me/../addresses/$v4/ban", "/v1/me/%2e%2e/addresses/$v4/ban", "//v1/addresses/$v4/ban", "/v1/addresses/$v4/ban", "/v1/me/ban;ip=$v4", "/v1/me/ban%00$v4", "/v1/me/ban#$v4",
		"http://$v4/v1/me/ban", "http://$v4\@p/v1/me/ban"),
	['the host', "DELETE /v1/me/ban HTTP/1.1\r\nHost: $v4\r\n$end"],
	['two hosts', "${lift}Host: $v4\r\n$end"],
	['a body', "${lift}Content-Type: application/json\r\n$sized$end$body"],
	['a body of the enforcer\'s words', "${lift}Content-Type: application/json\r\nContent-Length: 40\r\n$end" . substr("{\"verb\":\"unban\",\"self\":\"$v4\"}" . ' ' x 40, 0, 40)],
	# methods
	(map { ["by $_", "POST /v1/addresses/$v4/ban HTTP/1.1\r\nHost: p\r\n$_: DELETE\r\nContent-Length: 0\r\n$end"] } 'X-HTTP-Method-Override', 'X-Method-Override', 'X-HTTP-Method'),
	['_method', "POST /v1/me/ban?_method=DELETE&ip=$v4 HTTP/1.1\r\nHost: p\r\nContent-Length: 0\r\n$end"],
	['a small method', "delete /v1/addresses/$v4/ban HTTP/1.1\r\nHost: p\r\n$end"],
	# versions
	['HTTP/1.0', "DELETE /v1/me/ban HTTP/1.0\r\nX-Forwarded-For: $v4\r\n\r\n"],
	['HTTP/0.9', "DELETE /v1/me/ban\r\n\r\n"],
	['a PROXY line', "PROXY TCP4 $v4 $host 4711 80\r\n$lift$end"],
	# a request within another
	['CL.TE', "POST /v1/me HTTP/1.1\r\nHost: p\r\nContent-Length: " . (5 + length $forged) . "\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n$forged"],
	['TE.CL', "POST /v1/me HTTP/1.1\r\nHost: p\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" . sprintf('%x', length $forged) . "\r\n$forged\r\n0\r\n\r\n"],
	['TE.TE', "POST /v1/me HTTP/1.1\r\nHost: p\r\nContent-Length: 4\r\nTransfer-Encoding: xchunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n$forged"],
	['a tab before chunked', "POST /v1/me HTTP/1.1\r\nHost: p\r\nContent-Length: 4\r\nTransfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n$forged"],
	['two lengths', "POST /v1/me HTTP/1.1\r\nHost: p\r\nContent-Length: 0\r\nContent-Length: " . length($forged) . "\r\n\r\n$forged"],
	['a length of both', "POST /v1/me HTTP/1.1\r\nHost: p\r\nContent-Length: 0, " . length($forged) . "\r\n\r\n$forged"],
	['a signed length', "POST /v1/me HTTP/1.1\r\nHost: p\r\nContent-Length: +0\r\n\r\n$forged"],
	['a body of a GET', "GET /v1/me HTTP/1.1\r\nHost: p\r\nContent-Length: " . length($forged) . "\r\n\r\n$forged"],
	['pipelined', "GET /v1/me HTTP/1.1\r\nHost: p\r\n\r\n$forged"],
	['a line break in the path', "GET /v1/me\r\nX: HTTP/1.1\r\nHost: p\r\n\r\n$forged"],
	['a line break that is escaped', "GET /v1/me%20HTTP/1.1%0d%0aX-Forwarded-For:%20$v4%0d%0a HTTP/1.1\r\nHost: p\r\n$end"],
	['Upgrade', "GET /v1/me HTTP/1.1\r\nHost: p\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n$forged"],
);

# What comes of it; the other side may end at any time.
sub send_raw {
	my ($from, $bytes) = @_;
	my $s = IO::Socket::IP->new(PeerHost => $host, PeerPort => $port, LocalHost => $from, Timeout => 5) or die "$from: $@\n";
	my $answer = '';
	local $SIG{PIPE} = 'IGNORE';
	$s->syswrite($bytes);
	my $select = IO::Select->new($s);
	while ($select->can_read(0.3)) {
		last unless $s->sysread(my $more, 65536);
		$answer .= $more;
	}
	return $answer;
}

my $http = HTTP::Tiny->new(timeout => 20, default_headers => { Authorization => "Bearer $token" });

sub stands {
	my ($address) = @_;
	my $got = $http->get("http://$at/v1/addresses/$address");
	die "$address: $got->{status} $got->{content}\n" unless $got->{success};
	return grep { $_ eq 'banned' } @{ decode_json($got->{content})->{status} };
}

my ($n, $faults) = (0, 0);
for my $try (@tries) {
	my ($name, $bytes) = @$try;
	my $answer = send_raw($net . '.' . ++$n, $bytes);
	for my $victim ($v4, $v6) {
		next if stands($victim);
		print "$name lifted the ban of $victim: $answer\n";
		$faults++;
	}
	last if $faults;
}
print "$n tries\n";
exit($faults || $n < 40 ? 1 : 0);
