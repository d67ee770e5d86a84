# STAND-IN for pfSense, to test tunnelwright.ipsec on. Not pfSense and none of its code.
# Debian's ping with the options and the output that ping(8) of FreeBSD documents: -S for the source, -W in milliseconds,
# numbers from 0, and an exit status of 2 where nothing answered. Other options are not known here.
use strict;
use warnings;
$| = 1;
my %with;
while (@ARGV && $ARGV[0] =~ /^-(.*)/) {
	my $option = $1;
	shift;
	if ($option =~ /^[nq]$/) { $with{$option} = 1; }
	elsif ($option =~ /^[ciSW]$/) { $with{$option} = shift; }
	else { print STDERR "ping: illegal option -- $option\n"; exit 64; }
}
my $to = shift;
my @command = ('/usr/bin/ping', '-n', '-c', $with{c});
push @command, '-q' if $with{q};
push @command, '-i', $with{i} if $with{i};
push @command, '-I', $with{S} if $with{S};
push @command, '-W', $with{W} / 1000 if $with{W};
my $pid = open(my $printed, '-|', @command, $to) or exit 71;
$SIG{INT} = sub { kill 'INT', $pid };
print "PING $to ($to)" . ($with{S} ? " from $with{S}" : '') . ": 56 data bytes\n";
my $answered = 0;
while (my $line = <$printed>) {
	next if $line =~ /^PING /;
	$line =~ s/icmp_seq=(\d+)/'icmp_seq=' . ($1 - 1)/e;
	$line =~ s/^rtt (\S+)mdev/round-trip ${1}stddev/;
	if ($line =~ /^(\d+) packets transmitted, (\d+) received/) {
		$answered = $2;
		my $lost = $1 ? 100 * ($1 - $2) / $1 : 0;
		$line = sprintf("%d packets transmitted, %d packets received, %.1f%% packet loss\n", $1, $2, $lost);
	}
	print $line;
}
close $printed;
exit($answered ? 0 : 2);
