#!/usr/bin/perl
# Runs in a held sandbox and starts its commands. In Perl: what a Debian or Ubuntu always has in /usr/bin, what forks in half a
# millisecond, and what is exact about bytes, signals and descriptors, as no shell is. It uses nothing but Perl's own
# built-ins: some distributions ship the modules apart. Arguments: the numbers of the system calls prctl and prlimit64, and
# the window.
#
# It speaks the frames of supervisor-frames.ts on its standard input and output, and ends when its input does. A command is
# started by a monitor of its own, which the kernel makes the parent of every descendant that loses its own
# (PR_SET_CHILD_SUBREAPER): so no double fork leaves it. What a command has left behind when it ends, or when it is to end,
# is killed until nothing is left.
use strict;
# `ps` shows a name, not the program.
$0 = 'leasehold-supervisor';
my ($PRCTL, $PRLIMIT, $WINDOW) = @ARGV;
my ($PR_SET_DUMPABLE, $PR_SET_CHILD_SUBREAPER, $RLIMIT_CPU, $WNOHANG, $GRACE_SECONDS) = (4, 36, 0, 1, 1);
my $supervisor = $$;
# Commands have the same user: without this they could write to its memory and take its descriptors.
syscall($PRCTL + 0, $PR_SET_DUMPABLE, 0, 0, 0, 0);
my (%commands, $spare, $child, $result, $status);

sub send_frame {
  my ($type, $id, $data) = @_;
  my $frame = pack('CNN', ord $type, $id, length $data) . $data;
  while (length $frame) {
    my $written = syswrite(STDOUT, $frame);
    if (defined $written) { substr($frame, 0, $written, '') }
    elsif ($! != 4) { exit 1 }
  }
}

# --- the monitor of a command ---------------------------------------------------------------------------------------

sub descendants {
  my %children;
  opendir(my $proc, '/proc') or return;
  for my $pid (grep { /^[0-9]+$/ } readdir $proc) {
    open(my $stat, '<', "/proc/$pid/stat") or next;
    my $line = readline($stat);
    push @{ $children{$1} }, $pid if defined $line && $line =~ /.*\) \S ([0-9]+) /s;
  }
  my @found = @{ $children{$$} || [] };
  for (my $next = 0; $next < @found; $next++) { push @found, @{ $children{ $found[$next] } || [] } }
  return @found;
}

sub note { $result = $? if $_[0] == $child }

sub finish {
  my $left;
  for (;;) {
    1 while ($left = waitpid(-1, $WNOHANG)) > 0 && (note($left), 1);
    last if $left < 0;
    kill 'KILL', descendants();
    select(undef, undef, undef, 0.002);
  }
  syswrite($status, pack('n', $result));
  exit 0;
}

$SIG{TERM} = sub {
  return if $$ == $supervisor;
  alarm $GRACE_SECONDS;
  kill 'TERM', descendants();
};
$SIG{ALRM} = sub { finish() if $$ != $supervisor };
$SIG{PIPE} = 'IGNORE';
# The kernel takes away monitors that have ended; nobody waits for them.
$SIG{CHLD} = 'IGNORE';

sub run_command {
  my ($task) = @_;
  $SIG{$_} = 'DEFAULT' for 'TERM', 'ALRM', 'PIPE';
  my $payload = '';
  for (;;) {
    my $bytes = sysread($task, $payload, 65536, length $payload);
    last if defined $bytes ? !$bytes : $! != 4;
  }
  exit 0 if !length $payload;
  my ($cpu, $named, @words) = unpack('N N (N/a)*', $payload);
  my @environment = splice(@words, 0, 2 * $named);
  my $cwd = shift @words;
  setpgrp(0, 0);
  my $why = sub { syswrite(STDERR, "leasehold: $_[0]: $!\n"); exit $_[1] };
  chdir $cwd or $why->("the folder $cwd", 126);
  # What a system call is given is a number only where Perl has never seen it as a text.
  my $limit = pack('QQ', $cpu, $cpu + 1);
  syscall($PRLIMIT + 0, 0, $RLIMIT_CPU, $limit, 0);
  %ENV = @environment;
  no warnings;
  exec { $words[0] } @words or $why->($words[0], $! == 2 ? 127 : 126);
}

sub monitor {
  my ($task, $in, $out, $err) = @_;
  # Another command's pipes are none of its business: an end that stays open here would never be one there.
  %commands = ();
  $SIG{CHLD} = 'DEFAULT';
  syscall($PRCTL + 0, $PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  $child = fork();
  if (defined $child && $child == 0) {
    open(STDIN, '<&', $in) && open(STDOUT, '>&', $out) && open(STDERR, '>&', $err) or exit 126;
    run_command($task);
  }
  if (!defined $child) {
    syswrite($err, "leasehold: no more processes: $!\n");
    ($child, $result) = (0, 126 << 8);
  }
  close $_ for $task, $in, $out, $err, \*STDIN, \*STDOUT;
  while (!defined $result) {
    my $ended = waitpid(-1, 0);
    last if $ended < 0;
    note($ended);
  }
  finish();
}

# --- the supervisor -------------------------------------------------------------------------------------------------

# The next command's monitor and process, which wait for it: to fork them takes longer than most commands.
sub prepare {
  my ($task_r, $task_w, $in_r, $in_w, $out_r, $out_w, $err_r, $err_w, $status_r, $status_w);
  my $pid = pipe($task_r, $task_w) && pipe($in_r, $in_w) && pipe($out_r, $out_w) && pipe($err_r, $err_w)
    && pipe($status_r, $status_w) ? fork() : undef;
  return undef if !defined $pid;
  if ($pid == 0) {
    $status = $status_w;
    close $_ for $task_w, $in_w, $out_r, $err_r, $status_r;
    monitor($task_r, $in_r, $out_w, $err_w);
  }
  return {
    pid => $pid, task => $task_w, in => $in_w, input => '', ended => 0, out => [$out_r, $err_r], credit => [$WINDOW, $WINDOW],
    status => $status_r,
  };
}

sub start {
  my ($id, $payload) = @_;
  my $command = $spare || prepare();
  return send_frame('F', $id, "$!") if !$command;
  ($spare, $commands{$id}) = (undef, $command);
  # Where nobody reads it, the monitor will say how that came.
  while (length $payload) {
    my $written = syswrite($command->{task}, $payload);
    if (defined $written) { substr($payload, 0, $written, '') }
    elsif ($! != 4) { last }
  }
  $command->{task} = undef;
}

sub receive {
  my ($type, $id, $data) = @_;
  return start($id, $data) if $type eq 'S';
  my $command = $commands{$id} or return;
  if ($type eq 'I') { take($id, $command, $data) }
  elsif ($type eq 'A') { my ($stream, $bytes) = unpack('CN', $data); $command->{credit}[$stream] += $bytes }
  elsif ($type eq 'K') { kill 'TERM', $command->{pid} if $command->{status} }
}

# A pipe that may be written to takes 4096 bytes without waiting.
sub feed {
  my ($id, $command) = @_;
  my $written = syswrite($command->{in}, $command->{input}, 4096);
  if (!defined $written) {
    return if $! == 4;
    # Nobody reads it any more, but whoever sends it is to come to its end.
    $written = length $command->{input};
    $command->{in} = undef;
  }
  substr($command->{input}, 0, $written, '');
  send_frame('A', $id, pack('N', $written));
  $command->{in} = undef if $command->{ended} && !length $command->{input};
}

# An empty one is the last.
sub take {
  my ($id, $command, $data) = @_;
  if (!$command->{in}) { send_frame('A', $id, pack('N', length $data)) }
  elsif (length $data) { $command->{input} .= $data }
  elsif (length $command->{input}) { $command->{ended} = 1 }
  else { $command->{in} = undef }
}

sub drain {
  my ($id, $command, $stream, $readable) = @_;
  my $handle = $command->{out}[$stream];
  my $bytes = $readable ? sysread($handle, my $data, $command->{credit}[$stream] < 65536 ? $command->{credit}[$stream] : 65536) : 0;
  return if !defined $bytes && $! == 4;
  if ($bytes) {
    $command->{credit}[$stream] -= $bytes;
    send_frame($stream ? 'E' : 'O', $id, $data);
  }
  # Once all its processes are gone, what cannot be read now never will be, whoever else holds the pipe.
  elsif ($readable || !$command->{status}) { $command->{out}[$stream] = undef }
}

send_frame('H', 0, '');
my $received = '';
for (;;) {
  # Here, where nothing but %commands knows of another command's pipes.
  $spare ||= prepare();
  my ($readable, $writable, $wait) = ('', '', undef);
  vec($readable, 0, 1) = 1;
  for my $command (values %commands) {
    vec($readable, fileno $command->{status}, 1) = 1 if $command->{status};
    vec($writable, fileno $command->{in}, 1) = 1 if $command->{in} && length $command->{input};
    for my $stream (0, 1) {
      next if !$command->{out}[$stream] || $command->{credit}[$stream] <= 0;
      vec($readable, fileno $command->{out}[$stream], 1) = 1;
      $wait = 0 if !$command->{status};
    }
  }
  next if select($readable, $writable, undef, $wait) < 0;
  for my $id (keys %commands) {
    my $command = $commands{$id};
    feed($id, $command) if $command->{in} && length $command->{input} && vec($writable, fileno $command->{in}, 1);
    for my $stream (0, 1) {
      next if !$command->{out}[$stream] || $command->{credit}[$stream] <= 0;
      drain($id, $command, $stream, vec($readable, fileno $command->{out}[$stream], 1));
    }
    if ($command->{status} && vec($readable, fileno $command->{status}, 1)) {
      # A monitor that was killed has let go of what it watched over: then all goes.
      exit 1 if sysread($command->{status}, $command->{result}, 2) != 2;
      $command->{status} = undef;
    }
    if (!$command->{status} && !grep { defined } @{ $command->{out} }) {
      send_frame('X', $id, $command->{result});
      delete $commands{$id};
    }
  }
  if (vec($readable, 0, 1)) {
    my $bytes = sysread(STDIN, $received, 65536, length $received);
    next if !defined $bytes && $! == 4;
    exit 0 if !$bytes;
    while (length $received >= 9) {
      my ($type, $id, $length) = unpack('CNN', $received);
      last if length $received < 9 + $length;
      receive(chr $type, $id, substr($received, 9, $length));
      substr($received, 0, 9 + $length, '');
    }
  }
}
