#!/usr/bin/perl
# plot.pl BENCH.JSON: draws what it says of cost against lines, devices, rules and bans, as SVG beside it, and names the files. Each mark carries its figures
# (data-x, data-y), as they stand in the JSON. Light or dark as the reader has it.
use strict;
use warnings;
use utf8;
use JSON::PP;
use POSIX qw(ceil floor);

use constant {WIDTH => 720, HEIGHT => 440, LEFT => 76, RIGHT => 144, TOP => 76, BOTTOM => 72, INSET => 32};

my %plots = (
	lines => {title => 'Cost of a line, by the length of the log', x => 'lines read in one pass', y => 'wall time a line (µs)', logx => 1},
	devices => {title => 'Cost of a line, by how many devices are known', x => 'devices in the state', y => 'wall time a line (µs)', logx => 1},
	rules => {title => 'Cost of a line, by how many rules there are', x => 'rules beside those that ship', y => 'wall time a line (µs)'},
	bans => {title => 'Bans from the state into the kernel', x => 'bans', y => 'wall time (s)', logx => 1, logy => 1},
);

my ($path) = @ARGV;
open my $file, '<', $path or die "plot: $path: $!\n";
my $report = decode_json(do { local $/; <$file> });
my ($out) = $path =~ m{^(.*)/[^/]*$} ? $1 : '.';

sub escape {
	my ($text) = @_;
	$text =~ s/&/&amp;/g;
	$text =~ s/</&lt;/g;
	return $text;
}

sub short { # 1500000 as 1.5M
	my ($n) = @_;
	return $n / 1_000_000 . 'M' if $n >= 1_000_000;
	return $n / 1000 . 'k' if $n >= 1000;
	return $n >= 1 ? $n + 0 : sprintf '%.12g', $n;
}

sub value_text {
	my ($y) = @_;
	return $y >= 100 ? sprintf '%.0f', $y : $y >= 10 ? sprintf '%.1f', $y : $y >= 0.095 ? sprintf '%.2f', $y : sprintf '%.3f', $y;
}

# Round numbers that hold all values: where the axis begins and ends, and its ticks.
sub axis { # LOGARITHMIC FROM-ZERO VALUES...
	my ($logarithmic, $zero, @values) = @_;
	my ($least, $most) = (sort { $a <=> $b } @values)[0, -1];
	if ($logarithmic) {
		my ($from, $to) = (floor(log($least) / log(10) + 1e-9), ceil(log($most) / log(10) - 1e-9));
		$to = $from + 1 if $to == $from;
		return {log => 1, from => 10**$from, to => 10**$to, ticks => [map { 10**$_ } $from .. $to]};
	}
	$least = 0 if $zero;
	my $step = 10**floor(log(($most - $least || 1) / 4) / log(10));
	$step *= $_ for grep { ($most - $least) / $step > 5 } 2, 2.5;
	my $to = $step * ceil($most * 1.08 / $step); # room for the mark's figure
	return {from => $least, to => $to, ticks => [map { $least + $_ * $step } 0 .. int(($to - $least) / $step + 0.5)]};
}

sub place { # AXIS VALUE: 0 to 1
	my ($axis, $value) = @_;
	return log($value / $axis->{from}) / log($axis->{to} / $axis->{from}) if $axis->{log};
	return ($value - $axis->{from}) / ($axis->{to} - $axis->{from});
}

sub draw {
	my ($name, $plot, $series) = @_;
	my @names = sort { ($b =~ /^provctl/) <=> ($a =~ /^provctl/) || $a cmp $b } keys %$series;
	my @points = map { @$_ } @$series{@names};
	my @ticks = sort { $a <=> $b } keys %{{map { $_->[0] => 1 } @points}};
	my $xs = {log => $plot->{logx}, from => $ticks[0], to => @ticks > 1 ? $ticks[-1] : $ticks[0] * 10 + 1};
	my $ys = axis($plot->{logy}, 1, map { $_->[1] } @points);
	my $x = sub { LEFT + INSET + place($xs, $_[0]) * (WIDTH - LEFT - RIGHT - INSET) };
	my $y = sub { HEIGHT - BOTTOM - place($ys, $_[0]) * (HEIGHT - TOP - BOTTOM) };
	my $settings = sprintf 'make bench, %s, %d cores, %s', $report->{machine}{cpu}, $report->{machine}{cores}, substr $report->{date}, 0, 10;
	my @svg = (sprintf(<<~'END', WIDTH, HEIGHT, WIDTH, HEIGHT, escape($plot->{title}), LEFT - 52, escape($plot->{title}), LEFT - 52, escape($settings)));
		<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">
		<style>
		text { font: 13px system-ui, "Segoe UI", "DejaVu Sans", Helvetica, Arial, sans-serif; fill: #4b5563 }
		.back { fill: #ffffff }
		.title { font-size: 17px; font-weight: 600; fill: #111827 }
		.small { font-size: 12px; fill: #6b7280 }
		.grid { stroke: #e5e7eb; stroke-width: 1 }
		.base { stroke: #9ca3af; stroke-width: 1 }
		.line { fill: none; stroke-width: 2.5; stroke-linejoin: round; stroke-linecap: round }
		.s0 { stroke: #1d5fd1 } .m0 { fill: #1d5fd1 } .t0 { fill: #1d5fd1; font-weight: 600 }
		.s1 { stroke: #b45309; stroke-dasharray: 6 5 } .m1 { fill: #b45309 } .t1 { fill: #b45309; font-weight: 600 }
		.mark { stroke: #ffffff; stroke-width: 2 }
		@media (prefers-color-scheme: dark) {
		text { fill: #b6bcc6 }
		.back { fill: #14171c }
		.title { fill: #f3f4f6 }
		.small { fill: #8b93a0 }
		.grid { stroke: #2a2f37 }
		.base { stroke: #5b6370 }
		.s0 { stroke: #6ea8fe } .m0 { fill: #6ea8fe } .t0 { fill: #6ea8fe }
		.s1 { stroke: #f0a04b } .m1 { fill: #f0a04b } .t1 { fill: #f0a04b }
		.mark { stroke: #14171c }
		}
		</style>
		<rect class="back" width="100%%" height="100%%"/>
		<text class="title" x="%d" y="32">%s</text>
		<text class="small" x="%d" y="53">%s</text>
		END
	for my $tick (@{$ys->{ticks}}) {
		push @svg, sprintf qq{<line class="%s" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/>\n<text x="%d" y="%.1f" text-anchor="end">%s</text>\n},
			$tick == $ys->{ticks}[0] ? 'base' : 'grid', LEFT, WIDTH - RIGHT, $y->($tick), $y->($tick), LEFT - 10, $y->($tick) + 4.5, short($tick);
	}
	for my $tick (@ticks) {
		push @svg, sprintf qq{<line class="base" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>\n<text x="%.1f" y="%d" text-anchor="middle">%s</text>\n},
			$x->($tick), $x->($tick), HEIGHT - BOTTOM, HEIGHT - BOTTOM + 5, $x->($tick), HEIGHT - BOTTOM + 34, short($tick);
	}
	push @svg, sprintf qq{<text x="%.1f" y="%d" text-anchor="middle">%s</text>\n}, LEFT + (WIDTH - LEFT - RIGHT) / 2, HEIGHT - 14, escape($plot->{x});
	push @svg, sprintf qq{<text transform="translate(22 %.1f) rotate(-90)" text-anchor="middle">%s</text>\n}, TOP + (HEIGHT - TOP - BOTTOM) / 2,
		escape($plot->{y});
	my @ends = map { $y->($series->{$_}[-1][1]) } @names;
	# Names stand at the ends of their lines; where those are close, apart.
	if (@ends == 2 && abs($ends[0] - $ends[1]) < 18) {
		my $middle = ($ends[0] + $ends[1]) / 2;
		@ends = $ends[0] < $ends[1] ? ($middle - 9, $middle + 9) : ($middle + 9, $middle - 9);
	}
	for my $i (0 .. $#names) {
		my $series_points = $series->{$names[$i]};
		my $other = @names == 2 ? $series->{$names[1 - $i]} : [];
		push @svg, sprintf qq{<polyline class="line s%d" points="%s"/>\n}, $i,
			join ' ', map { sprintf '%.1f,%.1f', $x->($_->[0]), $y->($_->[1]) } @$series_points;
		for my $k (0 .. $#$series_points) {
			my ($px, $py) = @{$series_points->[$k]};
			my $gap = $other->[$k] ? $y->($py) - $y->($other->[$k][1]) : 0;
			my $below = $gap > 0 && $gap < 40;
			push @svg, sprintf qq{<circle class="mark m%d" cx="%.1f" cy="%.1f" r="5" data-series="%s" data-x="%s" data-y="%s"><title>%s: %s, %s</title></circle>\n},
				$i, $x->($px), $y->($py), escape($names[$i]), $px, $py, escape($names[$i]), short($px), value_text($py);
			push @svg, sprintf qq{<text class="small" x="%.1f" y="%.1f" text-anchor="middle">%s</text>\n}, $x->($px), $y->($py) + ($below ? 19 : -12),
				value_text($py);
		}
		push @svg, sprintf qq{<text class="t%d" x="%.1f" y="%.1f">%s</text>\n}, $i, $x->($series_points->[-1][0]) + 14, $ends[$i] + 4.5, escape($names[$i]);
	}
	open my $svg, '>:encoding(UTF-8)', "$out/$name.svg" or die "plot: $out/$name.svg: $!\n";
	print $svg @svg, "</svg>\n" or die "plot: $out/$name.svg: $!\n";
	close $svg or die "plot: $out/$name.svg: $!\n";
	print ", $name.svg";
}

for my $name (sort keys %plots) {
	my $series = $report->{series}{$name} or next;
	draw($name, $plots{$name}, $series);
}
