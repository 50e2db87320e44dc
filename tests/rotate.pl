#!/usr/bin/perl
# Writes logs and rotates them all the while, as logrotate does: every line is another, and tells its number.
#
#   rotate.pl METHOD FILES SECONDS SEED FOLDER
#
# METHOD: rename (the writer goes on in the renamed file for some lines, then opens a new one), compress (the same; what was renamed before is
# compressed), copytruncate. Prints how many lines were written in all, and how many of them into the copy's wake: written behind a copy
# and cut before anybody could read them, which no reader can have.
use strict;
use warnings;
use IO::Compress::Gzip qw(gzip);
use IO::Handle;
use POSIX qw(strftime);
use Time::HiRes qw(time sleep);

my ($method, $files, $seconds, $seed, $folder) = @ARGV;
srand $seed;
my $keep = 60; # seconds for which a rotated file stays: a reader of many logs looks for new ones every few seconds
my ($lines, $doomed, $rotations) = (0, 0, 0);
my @logs = map { {path => sprintf('%s/%03d.log', $folder, $_), old => []} } 1 .. $files;
my $stamp = strftime '%d/%b/%Y:%H:%M:%S +0000', gmtime 1795341600;

sub begin {
	my ($log) = @_;
	open $log->{to}, '>>', $log->{path} or die "$log->{path}: $!";
	$log->{to}->autoflush(1);
}

sub add {
	my ($log, $n) = @_;
	my $text = '';
	for (1 .. $n) {
		$lines++;
		$text .= sprintf "198.18.%d.%d - - [%s] \"GET /0004f2%06x.cfg HTTP/1.1\" 404 153 \"-\" \"line %d\"\n",
			$lines / 250 % 250, $lines % 250 + 1, $stamp, $lines % (1 << 24), $lines;
	}
	syswrite $log->{to}, $text;
}

sub rotate {
	my ($log) = @_;
	my $aside = sprintf '%s-20261122%06d', $log->{path}, $rotations++;
	if ($method eq 'copytruncate') {
		open my $from, '<', $log->{path} or die;
		local $/;
		my $all = <$from>;
		open my $copy, '>', $aside or die;
		print $copy $all;
		close $copy;
		if (rand() < 0.2) {
			my $n = 1 + int rand 3;
			add($log, $n);
			$doomed += $n;
		}
		truncate $log->{path}, 0 or die;
	} else {
		rename $log->{path}, $aside or die;
		add($log, int rand 4);
		begin($log);
		my $before = $log->{old}[-1];
		if ($method eq 'compress' && $before && $before->[1] !~ /\.gz$/) {
			gzip $before->[1] => "$before->[1].gz.tmp" or die;
			rename "$before->[1].gz.tmp", "$before->[1].gz" or die;
			unlink $before->[1];
			$before->[1] .= '.gz';
		}
	}
	push @{$log->{old}}, [time, $aside];
	while (@{$log->{old}} > 3 && $log->{old}[0][0] < time - $keep) {
		unlink((shift @{$log->{old}})->[1]);
	}
}

# A reader must know a log once to know what it was before: each has a line that is read before it is rotated first.
for (@logs) {
	begin($_);
	add($_, 1);
}
print "begun\n";
STDOUT->flush;
<STDIN>;
my $end = time + $seconds;
# A machine that has other things to do gets as far, later.
while (time < $end || $rotations <= 100) {
	my $log = $logs[rand @logs];
	add($log, 1 + int rand 20);
	rotate($log) if rand() < ($files > 1 ? 0.5 : 0.3);
	sleep 0.001 * (1 + rand 3);
}
print "$lines $doomed $rotations\n";
