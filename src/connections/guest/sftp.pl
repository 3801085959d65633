# The sftp subsystem, version 3 of the protocol with OpenSSH's extensions, on standard input and output of a
# process of its own (draft-ietf-secsh-filexfer-02; PROTOCOL of OpenSSH, section 4). Follows agent.pl.
package Sftp;
use strict;
use warnings;
use Errno qw(ENOENT ENOTDIR EACCES EPERM EROFS ELOOP EINTR EXDEV EOPNOTSUPP EINVAL);
use Fcntl qw(:DEFAULT :mode :seek);

use constant { MOST => 256 * 1024, DATA_MOST => 255 * 1024, HANDLES => 1000, NAMES => 100_000 };
use constant { OK => 0, NO_MORE => 1, NO_FILE => 2, DENIED => 3, FAILURE => 4, BAD => 5, UNSUPPORTED => 8 };

my (%handle, %owner, %group, $input, $init);
my $next = 0;
my @texts = ('Success', 'End of file', 'No such file', 'Permission denied', 'Failure', 'Bad message', '', '', 'Operation unsupported');

sub write_all {
    my $at = 0;
    while ($at < length $_[0]) {
        my $wrote = syswrite(STDOUT, $_[0], length($_[0]) - $at, $at);
        if (!defined $wrote) { next if $! == EINTR; POSIX::_exit(1) }
        $at += $wrote;
    }
}

sub answer { my ($type, $id) = @_; write_all(pack('NCN', 5 + length $_[2], $type, $id) . $_[2]) }
sub text { return pack('N', length $_[0]) . $_[0] }
sub status { my ($id, $code, $why) = @_; answer(101, $id, pack('N', $code) . text($why || $texts[$code]) . text('')) }
sub trouble { my $n = $! + 0; my $why = "$!";
    status($_[0], $n == ENOENT || $n == ENOTDIR || $n == ELOOP ? NO_FILE : $n == EACCES || $n == EPERM || $n == EROFS ? DENIED : FAILURE, $why) }
sub done { my ($id, $ok) = @_; $ok ? status($id, OK) : trouble($id) }

# What a request holds, taken from its front; what is not there is a bad message.
sub take_number { die "short\n" if length $_[0] < 4; return unpack('N', substr($_[0], 0, 4, '')) }
sub take_long { die "short\n" if length $_[0] < 8; return unpack('Q>', substr($_[0], 0, 8, '')) }
sub take_text { my $n = take_number($_[0]); die "short\n" if $n > length $_[0]; return substr($_[0], 0, $n, '') }
# A path that holds a NUL byte would end there for the system.
sub take_path { my $p = take_text($_[0]); die "nul\n" if $p =~ /\0/; return $p eq '' ? '.' : $p }
sub take_handle { my $h = take_text($_[0]); return $handle{$h} }
sub take_attributes {
    my $flags = take_number($_[0]);
    my %a;
    $a{size} = take_long($_[0]) if $flags & 1;
    @a{qw(uid gid)} = (take_number($_[0]), take_number($_[0])) if $flags & 2;
    $a{mode} = take_number($_[0]) & 07777 if $flags & 4;
    @a{qw(atime mtime)} = (take_number($_[0]), take_number($_[0])) if $flags & 8;
    if ($flags & 0x80000000) { my $n = take_number($_[0]); while ($n-- > 0) { take_text($_[0]); take_text($_[0]) } }
    return \%a;
}

sub attributes { my (undef, undef, $mode, undef, $uid, $gid, undef, $size, $atime, $mtime) = @_;
    return pack('NQ>N5', 15, $size, $uid, $gid, $mode, $atime & 0xffffffff, $mtime & 0xffffffff) }

# As `ls -l` prints an entry. Folders hold many entries that are alike, so each part is made once.
my (%mode_text, %time_text, $now);
my @months = qw(Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec);
sub mode_text {
    my ($mode) = @_;
    my $type = S_ISDIR($mode) ? 'd' : S_ISLNK($mode) ? 'l' : S_ISREG($mode) ? '-' : S_ISFIFO($mode) ? 'p'
        : S_ISSOCK($mode) ? 's' : S_ISCHR($mode) ? 'c' : S_ISBLK($mode) ? 'b' : '?';
    my @bits = map { ($mode & 0400 >> $_) ? (qw(r w x))[$_ % 3] : '-' } 0 .. 8;
    $bits[2] = $bits[2] eq 'x' ? 's' : 'S' if $mode & 04000;
    $bits[5] = $bits[5] eq 'x' ? 's' : 'S' if $mode & 02000;
    $bits[8] = $bits[8] eq 'x' ? 't' : 'T' if $mode & 01000;
    return join '', $type, @bits;
}
sub time_text {
    my (undef, $minute, $hour, $day, $month, $year) = localtime $_[0];
    my $time = abs($now - $_[0]) < 15552000 ? sprintf('%02d:%02d', $hour, $minute) : sprintf('%5d', $year + 1900);
    return sprintf('%s %2d %5s', $months[$month], $day, $time);
}
# An entry of a folder as readdir answers it: name, long name, attributes.
sub entry {
    my ($name, undef, undef, $mode, $links, $uid, $gid, undef, $size, $atime, $mtime) = @_;
    my $long = ($mode_text{$mode} ||= mode_text($mode))
        . sprintf(' %4d %-8s %-8s %8d ', $links, $owner{$uid} ||= getpwuid($uid) || "$uid", $group{$gid} ||= getgrgid($gid) || "$gid", $size)
        . ($time_text{$mtime} ||= time_text($mtime)) . " $name";
    return pack('N/a* N/a* N Q> N5', $name, $long, 15, $size, $uid, $gid, $mode, $atime & 0xffffffff, $mtime & 0xffffffff);
}

sub add_handle {
    my ($id, $entry) = @_;
    return status($id, FAILURE, 'Too many open files') if keys %handle >= HANDLES;
    my $name = pack('N', $next++);
    $handle{$name} = $entry;
    answer(102, $id, text($name));
}

sub change {
    my ($id, $a, $what) = @_;
    if (defined $a->{size}) { truncate($what, $a->{size}) or return trouble($id) }
    if (defined $a->{mode}) { chmod($a->{mode}, $what) or return trouble($id) }
    if (defined $a->{mtime}) { utime($a->{atime}, $a->{mtime}, $what) or return trouble($id) }
    if (defined $a->{uid}) { chown($a->{uid}, $a->{gid}, $what) or return trouble($id) }
    status($id, OK);
}

# The path without links, dots and doubled slashes; its last part need not be there.
sub resolve {
    my ($path) = @_;
    my @todo = split m{/+}, $path;
    my @real;
    if ($path !~ m{^/}) { require Cwd; @real = grep { $_ ne '' } split m{/}, Cwd::getcwd() }
    my $links = 0;
    while (@todo) {
        my $part = shift @todo;
        next if $part eq '' || $part eq '.';
        if ($part eq '..') { pop @real; next }
        my $here = join '/', '', @real, $part;
        my $mode = (lstat $here)[2];
        if (!defined $mode) { return undef if @todo || $! != ENOENT; push @real, $part; last }
        if (S_ISLNK($mode)) {
            if (++$links > 40) { $! = ELOOP; return undef }
            my $target = readlink $here;
            return undef unless defined $target;
            @real = () if $target =~ m{^/};
            unshift @todo, split m{/+}, $target;
            next;
        }
        if (@todo && !S_ISDIR($mode)) { $! = ENOTDIR; return undef }
        push @real, $part;
    }
    return join('/', '', @real) || '/';
}

sub name_answer { my ($id, $path) = @_; answer(104, $id, pack('N', 1) . text($path) . text($path) . pack('N', 0)) }

sub seek_to {
    my ($h, $offset) = @_;
    return 1 if defined $h->{at} && $h->{at} == $offset;
    if ($offset >> 63) { $! = EINVAL; return 0 }
    return defined sysseek($h->{fh}, $offset, SEEK_SET);
}

my %request = (
    3 => sub { # open
        my ($id) = @_;
        my ($path, $flags) = (take_path($_[1]), take_number($_[1]));
        my $a = take_attributes($_[1]);
        my $how = ($flags & 3) == 3 ? O_RDWR : $flags & 2 ? O_WRONLY : O_RDONLY;
        $how |= ($flags & 4 ? O_APPEND : 0) | ($flags & 8 ? O_CREAT : 0) | ($flags & 16 ? O_TRUNC : 0) | ($flags & 32 ? O_EXCL : 0);
        sysopen(my $fh, $path, $how | O_NOCTTY, defined $a->{mode} ? $a->{mode} : 0666) or return trouble($id);
        add_handle($id, { fh => $fh, at => undef, append => $flags & 4 });
    },
    4 => sub { # close
        my $name = take_text($_[1]);
        my $h = delete $handle{$name} or return status($_[0], FAILURE, 'Unknown handle');
        done($_[0], $h->{fh} ? close $h->{fh} : closedir $h->{dir});
    },
    5 => sub { # read
        my ($id) = @_;
        my ($h, $offset, $length) = (take_handle($_[1]), take_long($_[1]), take_number($_[1]));
        return status($id, FAILURE, 'Unknown handle') unless $h && $h->{fh};
        seek_to($h, $offset) or return trouble($id);
        my $got = sysread($h->{fh}, my $data, $length > DATA_MOST ? DATA_MOST : $length);
        if (!defined $got) { undef $h->{at}; return trouble($id) }
        $h->{at} = $offset + $got;
        return status($id, NO_MORE) if !$got;
        answer(103, $id, pack('N', $got) . $data);
    },
    6 => sub { # write
        my ($id) = @_;
        my ($h, $offset, $data) = (take_handle($_[1]), take_long($_[1]), take_text($_[1]));
        return status($id, FAILURE, 'Unknown handle') unless $h && $h->{fh};
        $h->{append} or seek_to($h, $offset) or return trouble($id);
        my $at = 0;
        while ($at < length $data) {
            my $wrote = syswrite($h->{fh}, $data, length($data) - $at, $at);
            if (!defined $wrote) { next if $! == EINTR; undef $h->{at}; return trouble($id) }
            $at += $wrote;
        }
        $h->{at} = $offset + $at;
        status($id, OK);
    },
    7 => sub { my @s = lstat take_path($_[1]); @s ? answer(105, $_[0], attributes(@s)) : trouble($_[0]) },
    8 => sub {
        my $h = take_handle($_[1]);
        return status($_[0], FAILURE, 'Unknown handle') unless $h && $h->{fh};
        my @s = stat $h->{fh};
        @s ? answer(105, $_[0], attributes(@s)) : trouble($_[0]);
    },
    9 => sub { my $path = take_path($_[1]); change($_[0], take_attributes($_[1]), $path) },
    10 => sub {
        my $h = take_handle($_[1]);
        my $a = take_attributes($_[1]);
        return status($_[0], FAILURE, 'Unknown handle') unless $h && $h->{fh};
        change($_[0], $a, $h->{fh});
    },
    11 => sub {
        my $path = take_path($_[1]);
        opendir(my $dir, $path) or return trouble($_[0]);
        add_handle($_[0], { dir => $dir, path => $path });
    },
    12 => sub { # readdir
        my $h = take_handle($_[1]);
        return status($_[0], FAILURE, 'Unknown handle') unless $h && $h->{dir};
        my ($count, $body) = (0, '');
        ($now, %time_text) = (time);
        while (length $body < NAMES) {
            my $name = readdir $h->{dir};
            last unless defined $name;
            # Removed since it was listed: not there any more.
            my @s = lstat "$h->{path}/$name" or next;
            $body .= entry($name, @s);
            $count++;
        }
        return status($_[0], NO_MORE) unless $count;
        answer(104, $_[0], pack('N', $count) . $body);
    },
    13 => sub { my $path = take_path($_[1]);
        if (-d $path && !-l _) { return status($_[0], FAILURE, 'Is a directory') } done($_[0], unlink $path) },
    14 => sub { my $path = take_path($_[1]); my $a = take_attributes($_[1]); done($_[0], mkdir($path, defined $a->{mode} ? $a->{mode} : 0777)) },
    15 => sub { done($_[0], rmdir take_path($_[1])) },
    16 => sub { my $real = resolve(take_path($_[1])); defined $real ? name_answer($_[0], $real) : trouble($_[0]) },
    17 => sub { my @s = stat take_path($_[1]); @s ? answer(105, $_[0], attributes(@s)) : trouble($_[0]) },
    18 => sub { # rename, which must not replace anything
        my ($id, $old, $new) = ($_[0], take_path($_[1]), take_path($_[1]));
        lstat $old or return trouble($id);
        if (-f _) {
            if (link $old, $new) { return done($id, unlink $old) }
            return trouble($id) unless $! == EPERM || $! == EXDEV || $! == EOPNOTSUPP;
        }
        return status($id, FAILURE, 'File exists') if lstat $new;
        done($id, rename $old, $new);
    },
    19 => sub { my $to = readlink take_path($_[1]); defined $to ? name_answer($_[0], $to) : trouble($_[0]) },
    # OpenSSH has the two paths the other way round than the draft, and everybody follows it.
    20 => sub { my ($id, $to, $link) = ($_[0], take_path($_[1]), take_path($_[1])); done($id, symlink $to, $link) },
    200 => sub {
        my ($id, $name) = ($_[0], take_text($_[1]));
        my $call = $Sftp::extended{$name} or return status($id, UNSUPPORTED);
        $call->($id, $_[1]);
    },
);

our %extended = (
    'posix-rename@openssh.com' => sub { my ($id, $old, $new) = ($_[0], take_path($_[1]), take_path($_[1])); done($id, rename $old, $new) },
    'hardlink@openssh.com' => sub { my ($id, $old, $new) = ($_[0], take_path($_[1]), take_path($_[1])); done($id, link $old, $new) },
    'fsync@openssh.com' => sub {
        my $h = take_handle($_[1]);
        return status($_[0], FAILURE, 'Unknown handle') unless $h && $h->{fh};
        require IO::Handle;
        done($_[0], IO::Handle::sync($h->{fh}));
    },
    'limits@openssh.com' => sub { answer(201, $_[0], pack('Q>4', MOST, DATA_MOST, DATA_MOST, HANDLES)) },
    'expand-path@openssh.com' => sub {
        my ($id, $path) = ($_[0], take_path($_[1]));
        if ($path =~ m{^~([^/]*)(.*)$}s) {
            my $base = $1 eq '' ? $ENV{HOME} : (getpwnam $1)[7];
            return status($id, NO_FILE, 'No such user') unless defined $base;
            $path = $base . $2;
        }
        my $real = resolve($path);
        defined $real ? name_answer($id, $real) : trouble($id);
    },
);

sub read_exactly {
    my ($want) = @_;
    while (length $input < $want) {
        my $got = sysread(STDIN, $input, 1 << 18, length $input);
        next if !defined $got && $! == EINTR;
        return 0 unless $got;
    }
    return 1;
}

sub main::sftp_main {
    $input = '';
    binmode $_ for *STDIN, *STDOUT;
    while (read_exactly(4)) {
        my $size = unpack('N', $input);
        die "A packet of $size bytes.\n" if $size < 5 || $size > MOST + 1024;
        return unless read_exactly(4 + $size);
        my $packet = substr($input, 4, $size);
        substr($input, 0, 4 + $size, '');
        my ($type, $id) = unpack('CN', $packet);
        if ($type == 1) {
            my $names = join '', map { text($_) . text('1') } sort keys %extended;
            write_all(pack('NCN', 5 + length $names, 2, 3) . $names);
            $init = 1;
            next;
        }
        die "A request before the version.\n" unless $init;
        my $call = $request{$type};
        if (!$call) { status($id, UNSUPPORTED); next }
        my $rest = substr($packet, 5);
        eval { $call->($id, $rest); 1 } or status($id, BAD);
    }
}

package main;
