#!/usr/bin/perl
# portal_routes.pl HOST:PORT TOKENS MAC: walks openapi.json as it is served. Each route and method is called as it is described, with a token that may and with
# none: status, content type and body must be described; a method that is not is answered 405 with exactly the others in Allow. TOKENS is the folder of
# token.ROLE. Prints what is wrong, and ends with status 1 then.
use strict;
use warnings;
use HTTP::Tiny;
use JSON::PP;

my ($host, $folder, $mac) = @ARGV;
my $json = JSON::PP->new->allow_nonref;
my $http = HTTP::Tiny->new(timeout => 20);
my $faults = 0;

sub fault { print "@_\n"; $faults++ }

sub token {
	open my $f, '<', "$folder/token.$_[0]" or die "token.$_[0]: $!\n";
	chomp(my $token = <$f>);
	return { Authorization => "Bearer $token" };
}

sub call {
	my ($method, $path, $headers, $body) = @_;
	my $options = { headers => {%$headers} };
	if (defined $body) {
		$options->{content} = $json->encode($body);
		$options->{headers}{'Content-Type'} = 'application/json';
	}
	return $http->request($method, "http://$host$path", $options);
}

my $doc = $json->decode(call('GET', '/v1/openapi.json', {})->{content});

sub resolve {
	my ($node) = @_;
	while (ref $node eq 'HASH' and my $ref = $node->{'$ref'}) {
		my @names = split m{/}, $ref =~ s{^#/}{}r;
		$node = $doc;
		$node = $node->{$_} // die "$ref is not there\n" for @names;
	}
	return $node;
}

sub type_of {
	my ($v) = @_;
	return 'null' unless defined $v;
	return 'array' if ref $v eq 'ARRAY';
	return 'object' if ref $v eq 'HASH';
	return 'boolean' if ref $v;
	return $json->encode($v) =~ /^-?[0-9]/ ? 'integer' : 'string';
}

# Why the value is not of the schema; empty where it is.
sub differs {
	my ($v, $schema, $at) = @_;
	$schema = resolve($schema);
	for my $of (@{ $schema->{allOf} // [] }) {
		my $why = differs($v, $of, $at);
		return $why if $why;
	}
	if ($schema->{oneOf}) {
		return "$at: none of oneOf" unless grep { !differs($v, $_, $at) } @{ $schema->{oneOf} };
	}
	if (my $enum = $schema->{enum}) {
		return "$at: $v is not in the enum" unless defined $v && grep { $_ eq $v } @$enum;
	}
	if (my $types = $schema->{type}) {
		my $type = type_of($v);
		return "$at: is $type" unless grep { $_ eq $type } ref $types ? @$types : $types;
	}
	return "$at: does not match" if $schema->{pattern} && defined $v && $v !~ /$schema->{pattern}/;
	if (type_of($v) eq 'object') {
		for (@{ $schema->{required} // [] }) { return "$at: lacks $_" unless exists $v->{$_} }
		for (keys %{ $schema->{properties} // {} }) {
			next unless exists $v->{$_};
			my $why = differs($v->{$_}, $schema->{properties}{$_}, "$at.$_");
			return $why if $why;
		}
	}
	if (type_of($v) eq 'array' && $schema->{items}) {
		for (@$v) {
			my $why = differs($_, $schema->{items}, "$at\[]");
			return $why if $why;
		}
	}
	return '';
}

# What is put for the names of paths and queries, and into bodies.
my %prefix = (ban => '203.0.113.99', block => '203.0.113.100', allow => '203.0.113.101', windows => '203.0.113.98', networks => '203.0.113.96%2F28');
my %word = (mac => $mac, account => 'acct1', prefix => '203.0.113.99', file => 'page.css', limit => 5, state => 'locked',
	exposed => 'true', moved => 'true', registered => 'false', q => 'acct', after => '000000000001', before => '', all => 'true',
	ip => '203.0.113.99', since => '2026-01-01T00:00:00Z');
my %body = (for => '2h', reason => 'test', support => JSON::PP::true, no_home => JSON::PP::false, preview => JSON::PP::true,
	window => '203.0.113.98', network => '203.0.113.96/28', account => 'acct1', comment => 'test');

# One request and what is said of it.
sub try {
	my ($what, $operation, $method, $path, $headers, $body, $wanted) = @_;
	my $got = call($method, $path, $headers, $body);
	my $response = resolve($operation->{responses}{ $got->{status} });
	my $type = ($got->{headers}{'content-type'} // '') =~ s/;.*//r;
	return fault("$what: $got->{status} is not described: $got->{content}") unless $response;
	return fault("$what: $got->{status}, wanted $wanted: $got->{content}") if $wanted && $got->{status} !~ /^(?:$wanted)$/;
	my $content = $response->{content};
	return fault("$what: $got->{status} has a body: $got->{content}") if !$content && length $got->{content};
	return unless $content;
	return fault("$what: $got->{status} is $type") unless $content->{$type};
	fault("$what: not private: " . ($got->{headers}{'cache-control'} // '')) if $path =~ m{^/v1/} && $got->{headers}{'cache-control'} ne 'no-store';
	fault("$what: no nosniff") unless ($got->{headers}{'x-content-type-options'} // '') eq 'nosniff';
	fault("$what: no policy") unless ($got->{headers}{'content-security-policy'} // '') =~ /default-src 'none'/;
	fault("$what: no Retry-After") if $got->{status} =~ /^(?:429|503)$/ && !$got->{headers}{'retry-after'};
	fault("$what: no WWW-Authenticate") if $got->{status} == 401 && !$got->{headers}{'www-authenticate'};
	return unless $type =~ /json$/;
	my $value = eval { $json->decode($got->{content}) };
	return fault("$what: no JSON: $got->{content}") unless ref $value;
	my $why = differs($value, $content->{$type}{schema}, '');
	fault("$what: $got->{status} $why: $got->{content}") if $why;
	fault("$what: says $value->{status}") if $type eq 'application/problem+json' && $value->{status} != $got->{status};
}

sub filled {
	my ($path) = @_;
	my ($last) = grep { $path =~ /\b$_\b/ } keys %prefix;
	local $word{prefix} = $prefix{$last} if $last;
	$path =~ s/\{(\w+)\}/$word{$1} \/\/ die "no word for $1\n"/ge;
	return $path;
}

sub operation {
	my ($method, $path, $operation) = @_;
	my $real = filled($path);
	my $what = uc($method) . " $path";
	my $role = $path eq '/v1/verdict' ? 'verdict' : 'operator';
	my $open = $operation->{security} && !@{ $operation->{security} };
	my ($headers, $body) = ($open ? {} : token($role), undef);
	my @query = map { "$_->{name}=$word{$_->{name}}" }
		grep { $_->{in} eq 'query' && $word{ $_->{name} } ne '' && "$path $_->{name}" ne '/v1/bans after' } @{ $operation->{parameters} // [] };
	my $url = $real . (@query ? '?' . join('&', @query) : '');
	if (my $schema = $operation->{requestBody}) {
		my $properties = resolve($schema->{content}{'application/json'}{schema})->{properties};
		$body = { map { $_ => $body{$_} } grep { exists $body{$_} } keys %$properties };
		try("$what with a wrong body", $operation, uc $method, $url, $headers, { nonsense => 1 }, '400');
	}
	try($what, $operation, uc $method, $url, $headers, $body, $what eq 'DELETE /v1/me/ban' ? '404' : '20[04]');
	try("$what without a token", $operation, uc $method, $url, {}, $body, '401') unless $open;
	try("$what with a wrong query", $operation, uc $method, "$real?nonsense=1", $headers, $body, '400') if $path =~ m{^/v1/} && $path !~ /openapi/;
	if ($method eq 'get') {
		my $got = call('HEAD', $url, $headers);
		fault("HEAD $path: $got->{status}") unless $operation->{responses}{ $got->{status} };
		fault("HEAD $path: has a body") if length($got->{content} // '');
	}
}

# What is made is there to be looked at and removed.
my $calls = 0;
for my $method (qw(post put get delete)) {
	for my $path (sort keys %{ $doc->{paths} }) {
		my $operation = $doc->{paths}{$path}{$method} or next;
		operation($method, $path, $operation);
		$calls++;
	}
}
for my $path (sort keys %{ $doc->{paths} }) {
	my $real = filled($path);
	my $methods = $doc->{paths}{$path};
	my %allowed = map { uc($_) => 1 } keys %$methods;
	$allowed{HEAD} = 1 if $allowed{GET};
	$allowed{OPTIONS} = 1;
	for my $method (qw(GET HEAD POST PUT DELETE PATCH OPTIONS TRACE PROPFIND get)) {
		next if $allowed{$method} && $method ne 'OPTIONS';
		my $got = call($method, $real, token('operator'));
		my $allow = join ' ', sort split /, /, $got->{headers}{allow} // '';
		my $wanted = $method eq 'OPTIONS' ? 204 : 405;
		fault("$method $path: $got->{status}") unless $got->{status} == $wanted;
		fault("$method $path: Allow: $allow") unless $allow eq join ' ', sort keys %allowed;
	}
}
for my $path ('/v1', '/v1/', '/v2/me', '/v1/me/', '//v1/me', '/v1/devices//explain', '/v1/x', '/admin', '/.git/config', '/../etc/passwd', '/%2e%2e/etc/passwd') {
	my $got = call('GET', $path, token('operator'));
	fault("GET $path: $got->{status} $got->{headers}{'content-type'}") unless $got->{status} == 404 && $got->{headers}{'content-type'} eq 'application/problem+json';
}
fault("only $calls operations") unless $calls > 30;
exit($faults ? 1 : 0);
