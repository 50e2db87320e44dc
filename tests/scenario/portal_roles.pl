#!/usr/bin/perl
# portal_roles.pl HOST:PORT TOKENS OWN FOREIGN UNKNOWN ADDRESS...: every role's token on every route and method: what it may do with what is its own, what is another's,
# and what nobody has. The account acct1 has OWN, acct2 has FOREIGN. Where a role may not, nothing tells whether there is such a device: status and body are the
# same for both. One ADDRESS a role to ask from; the environment's ROLES names them. Prints what is wrong, and ends with status 1 then.
use strict;
use warnings;
use HTTP::Tiny;

my ($host, $folder, $own, $foreign, $unknown, @addresses) = @ARGV;
my $faults = 0;

# Statuses by role, own/foreign where they differ. M is the device, A its account, P an address of its own. `-` is nobody, without a token. Narrow roles come
# first: what they could change would be seen.
my @table = split /\n/, <<'END';
                                                    -        verdict  metrics  user     account  support  operator
GET /v1/session                                     401      403      200      200      200      200      200
GET /v1/devices                                     401      403      403      200      200      200      200
GET /v1/devices?account=A                           401      403      403      200      200      200      200
GET /v1/exposed                                     401      403      403      200      200      200      200
GET /v1/devices/M                                   401      403      403      200/404  200/404  200      200
GET /v1/devices/M/explain                           401      403      403      403      200/404  200      200
GET /v1/devices/M/record                            401      403      403      200/404  200/404  200      200
POST /v1/devices/M/unlock {}                        401      403      403      200/404  200/404  200      200
POST /v1/devices/M/unlock {"support":true}          401      403      403      403      403      200      200
POST /v1/devices/M/lock {}                          401      403      403      403      200/404  200      200
POST /v1/devices/M/lock {"no_home":true}            401      403      403      403      200/404  200      200
POST /v1/accounts/A/unlock {"preview":true}         401      403      403      403      200/404  200      200
POST /v1/accounts/A/unlock {}                       401      403      403      403      200/404  200      200
DELETE /v1/locks/A/M                                401      403      403      200/404  200/404  200      200
DELETE /v1/addresses/P/ban                          401      403      403      403      403      200      404
GET /v1/windows                                     401      403      403      403      200      200      200
POST /v1/windows {"window":"P","account":"A","for":"1h"}        401  403  403  403  200/404  200  200
POST /v1/windows {"window":"P","any_account":true,"for":"1h"}   401  403  403  403  403      200  200
DELETE /v1/windows/A/P                              401      403      403      403      200/404  200      200
DELETE /v1/windows/*/P                              401      403      403      403      403      200      200
GET /v1/networks                                    401      403      403      403      200      200      200
POST /v1/networks {"network":"P","account":"A"}     401      403      403      403      403      403      200
DELETE /v1/networks/A/P                             401      403      403      403      403      403      200
GET /v1/bans                                        401      403      403      403      403      200      200
GET /v1/addresses/P                                 401      403      403      403      403      200      200
PUT /v1/addresses/P/ban {"for":"1h"}                401      403      403      403      403      403      200
DELETE /v1/addresses/P/ban                          401      403      403      403      403      404      200
PUT /v1/addresses/P/block {}                        401      403      403      403      403      403      200
DELETE /v1/addresses/P/block                        401      403      403      403      403      403      200
PUT /v1/addresses/P/allow {}                        401      403      403      403      403      403      200
DELETE /v1/addresses/P/allow                        401      403      403      403      403      403      200
GET /v1/record                                      401      403      403      200      200      200      200
GET /v1/record?mac=M                                401      403      403      200/404  200/404  200      200
GET /v1/record?ip=P                                 401      403      403      200      200      200      200
GET /v1/status                                      401      403      403      403      403      200      200
GET /metrics                                        401      403      200      403      403      403      200
GET /v1/verdict?mac=M&ip=198.51.100.9               401      2XX      401      401      401      401      401
END
my @roles = split ' ', shift @table;
my %asked = map { $_ => 1 } split ' ', $ENV{ROLES};

sub fault { print "@_\n"; $faults++ }

my %http;

sub call {
	my ($role, $method, $path, $body) = @_;
	my %headers;
	if ($role ne '-') {
		open my $f, '<', "$folder/token.$role" or die "token.$role: $!\n";
		chomp($headers{Authorization} = 'Bearer ' . <$f>);
	}
	$headers{'Content-Type'} = 'application/json' if defined $body;
	$http{$role} //= HTTP::Tiny->new(timeout => 20, local_address => shift @addresses);
	my $got = $http{$role}->request($method, "http://$host$path", { headers => \%headers, defined $body ? (content => $body) : () });
	return ($got->{status}, $got->{content} // '');
}

my %put = (
	own => { M => $own, A => 'acct1', P => '203.0.113.97' },
	foreign => { M => $foreign, A => 'acct2', P => '203.0.113.98' },
	unknown => { M => $unknown, A => 'acct3', P => '203.0.113.99' });

for my $n (0 .. $#roles) {
	my $role = $roles[$n];
	next unless $asked{$role};
	for my $row (@table) {
		my ($method, $path, $rest) = split ' ', $row, 3;
		my $body = $rest =~ s/^(\{\S*\})\s+// ? $1 : undef;
		my ($mine, $others) = split m{/}, (split ' ', $rest)[$n];
		my %said;
		$others //= $mine;
		for my $whose ('own', 'foreign', 'unknown') {
			my $wanted = $whose eq 'own' ? $mine : $others;
			my ($url, $sent) = ($path, $body);
			$url =~ s/\b([MAP])\b/$put{$whose}{$1}/g;
			$sent =~ s/"([AP])"/"$put{$whose}{$1}"/g if defined $sent;
			my ($status, $content) = call($role, $method, $url, $sent);
			$said{$whose} = "$status $content";
			# Who may all is told what there is not.
			next if $whose eq 'unknown' && $wanted =~ /^2/;
			$wanted =~ s/X/./g;
			fault("$role: $method $url: $status, wanted $wanted: " . substr($content, 0, 200)) unless $status =~ /^$wanted$/;
			fault("$role: $method $url tells of another's: $content") if $role !~ /support|operator/ && $content =~ /$foreign|acct2/;
		}
		fault("$role: $method $path: tells another's from none:\n\t$said{foreign}\n\t$said{unknown}")
			if $role !~ /support|operator/ && $path !~ /verdict|metrics/ && $said{foreign} ne $said{unknown};
	}
}
exit($faults ? 1 : 0);
