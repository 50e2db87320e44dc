# Reads provctl's lock-state file (provctl-lockstate(5)) for a config generator in Perl.
#
#   my $answer = Lockstate::verdict('/var/lib/provctl/publish/lockstate', '001565abcdef', '203.0.113.7', time);
#
# gives 200 (serve), 403 (refuse) or 503 (no file, or not whole: Retry-After). MAC: 12 lower-case hex digits.
package Lockstate;
use strict;
use warnings;
use Socket qw(inet_pton AF_INET AF_INET6);

sub bits { # an address as a text of 0 and 1, IPv4-mapped as IPv4
	my ($text) = @_;
	$text =~ s/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)//i;
	my $packed = inet_pton($text =~ /:/ ? AF_INET6 : AF_INET, $text);
	return defined $packed ? unpack('B*', $packed) : '';
}

sub holds { # PREFIX[,PREFIX...] ADDRESS
	my ($prefixes, $ip) = @_;
	my $address = bits($ip) or return 0;
	for my $prefix (split /,/, $prefixes) {
		my ($base, $length) = split m{/}, $prefix;
		my $want = bits($base);
		next if $want eq '' || length $want != length $address;
		$length = length $want unless defined $length;
		return 1 if substr($want, 0, $length) eq substr($address, 0, $length);
	}
	return 0;
}

sub verdict {
	my ($path, $mac, $ip, $now) = @_;
	$path .= '/' . substr($mac, 10, 2) if -d $path;
	open my $file, "<", $path or return 503;
	local $/ = "\n"; # whatever the caller reads by
	my @lines = map { chomp; [split / /] } <$file>;
	my $head = shift @lines or return 503;
	my $end = pop @lines or return 503;
	my $default = pop @lines or return 503;
	return 503 if "@$head[0,1]" ne 'provctl-lockstate 1' || "@$end" ne 'end ' . @lines || $default->[0] ne 'default';
	my ($device) = grep { $_->[0] eq 'device' && $_->[1] eq $mac } @lines;
	my (undef, undef, $state, $until, $home, $reason, $account) = $device ? @$device : ('', '', $default->[1], '-', '-', '', '*');
	return 200 if $state eq 'open' && ($until eq '-' || $now < $until);
	return 200 if holds($home, $ip);
	for (@lines) {
		my ($kind, $prefix, @rest) = @$_;
		return 200 if $kind eq 'network' && $rest[0] eq $account && holds($prefix, $ip);
		return 200 if $kind eq 'window' && $now < $rest[0] && ($rest[1] eq '*' || $rest[1] eq $account) &&
			$reason ne 'held' && holds($prefix, $ip);
	}
	return 403;
}

1;
