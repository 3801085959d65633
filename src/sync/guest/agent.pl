# The guest's end of the workspace sync, for Perl 5.10 and later with nothing but what every Perl has, on
# Linux for x86-64 and arm64. Speaks the frames of protocol.ts on standard input and output. Keeps nothing
# of its own but the trash and what is staged; every decision is the host's. It walks into a folder step by
# step without following links, and every change is made relative to the folder it stands in, so that no
# write leaves the workspace.
use strict;
use warnings;
use Errno qw(ENOENT ENOTDIR EEXIST ENOTEMPTY EACCES EPERM EROFS ENOSPC EDQUOT EISDIR ELOOP EXDEV EINTR EWOULDBLOCK);
use Fcntl qw(:DEFAULT :flock :mode :seek);
use File::Path ();

use constant { VERSION => 1, RACY => 2, WHOLE => 1 << 20, NOFOLLOW => 0x100, CWD => -100 };
my $arm = (POSIX_machine() =~ /aarch64|arm64/);
# Numbers of system calls: asm/unistd_64.h and asm-generic/unistd.h of Linux.
my %call = $arm
    ? (statx => 291, init => 26, add => 27, rm => 28, syncfs => 267)
    : (statx => 332, init => 294, add => 254, rm => 255, syncfs => 306);
my $nofollow = $arm ? 0100000 : 0400000;

my ($root, $rootfh, $rootino, $state, $staging, $trash, $limit, $lock);
my ($used, $count, $index, $here) = (undef, 0, undef, undef);
my ($watchfd, $watchfh, %by_wd, %by_path, $watch_rules);
my %settling;
# What own writes left (see echoes.ts): the watch tells of a path only what is not that.
my %left;

sub POSIX_machine { require POSIX; return (POSIX::uname())[4] }

# Faults travel as [why, message].
sub refuse { die [@_] }

sub why {
    my $e = $! + 0;
    return 'noSpace' if $e == ENOSPC || $e == EDQUOT;
    return 'denied' if $e == EACCES || $e == EPERM || $e == EROFS;
    return 'notEmpty' if $e == ENOTEMPTY;
    return 'stale' if grep { $e == $_ } ENOENT, ENOTDIR, EEXIST, EISDIR, ELOOP;
    return 'failed';
}

sub trouble { my $why = why(); refuse($why, "$!") }

sub write_all {
    my ($fh, $data) = @_;
    my $at = 0;
    while ($at < length $data) {
        my $wrote = syswrite($fh, $data, length($data) - $at, $at);
        if (!defined $wrote) { next if $! == EINTR; trouble() }
        $at += $wrote;
    }
}

sub reply {
    my ($id, $kind, @fields) = @_;
    my $body = join '', map { pack('N', length) . $_ } @fields;
    write_all(\*STDOUT, pack('NNC', length($body) + 5, $id, $kind) . $body);
}

sub read_exact {
    my ($want) = @_;
    my $data = '';
    while (length $data < $want) {
        my $got = sysread(STDIN, $data, $want - length $data, length $data);
        if (!defined $got) { next if $! == EINTR; exit 0 }
        exit 0 if $got == 0;
    }
    return $data;
}

# [mode, ino, size, mtime ns, ctime ns, ctime s], or nothing. The struct is the same everywhere.
sub look {
    my ($path) = @_;
    my $buffer = "\0" x 256;
    my $name = "$path";
    return if syscall($call{statx}, CWD, $name, NOFOLLOW, 0x7ff, $buffer) != 0;
    my ($mode, $ino, $size) = unpack 'x28 S x2 Q Q', $buffer;
    my ($cs, $cn) = unpack 'x96 q L', $buffer;
    my ($ms, $mn) = unpack 'x112 q L', $buffer;
    return [$mode, $ino, $size, whole($ms, $mn), whole($cs, $cn), $cs];
}

sub whole { return $_[0] * 1000000000 + $_[1] }

sub show {
    my ($st) = @_;
    my $kind = S_ISLNK($st->[0]) ? 'l0' : $st->[0] & 0100 ? 'f1' : 'f0';
    return "$kind $st->[2] $st->[3] $st->[4] $st->[1]";
}

sub mark { my ($st) = @_; return ($st->[5] > time - RACY - 1 ? '!' : '') . show($st) }

# What renames and links leave as it was.
sub core { my ($st) = @_; return join ' ', S_IFMT($st->[0]), @{$st}[2, 3, 1] }

sub entry_of {
    my ($st, $name) = @_;
    return (show($st), '') if S_ISREG($st->[0]);
    return ('d', '') if S_ISDIR($st->[0]);
    return (show($st), readlink($name) // '') if S_ISLNK($st->[0]);
    return ('s', 'it is no file, folder or link');
}

sub parts_of {
    my ($path) = @_;
    refuse('denied', 'bad path') if $path eq '' || $path =~ m{\A/|\0};
    my @parts = split m{/}, $path, -1;
    for (@parts) { refuse('denied', 'bad path') if $_ eq '' || $_ eq '.' || $_ eq '..' }
    return @parts;
}

# Goes into the folder that a path lies in, and answers the last name.
sub enter {
    my ($path) = @_;
    my @parts = parts_of($path);
    my $name = pop @parts;
    my $folder = join '/', @parts;
    return $name if defined $here && $here eq $folder;
    undef $here;
    chdir $rootfh or refuse('rootGone', 'the workspace folder is gone');
    for my $part (@parts) {
        my $st = look($part);
        refuse('stale', 'a folder above it is gone or is a link') unless $st && S_ISDIR($st->[0]);
        chdir $part or trouble();
        my $in = look('.');
        refuse('stale', 'a folder above it was just replaced') unless $in && $in->[1] == $st->[1];
    }
    $here = $folder;
    return $name;
}

sub entry {
    my ($path) = @_;
    my @found = eval {
        my $name = enter($path);
        my $st = look($name);
        $st ? entry_of($st, $name) : $! == ENOENT || $! == ENOTDIR ? () : ('e', "$!");
    };
    if (ref $@) { return if $@->[0] eq 'stale'; die $@ }
    die $@ if $@;
    return @found;
}

sub leave {
    my ($path, $print) = @_;
    %left = () if keys %left >= 20000;
    $left{$path} = $print;
}

sub saw {
    my ($path, $print) = @_;
    $print =~ s/\A!//;
    delete $left{$path} if defined $left{$path} && $left{$path} ne $print;
}

sub is_echo {
    my ($path) = @_;
    return 0 unless defined $left{$path};
    my ($print) = eval { entry($path) };
    return 1 if !$@ && ($print // '-') eq $left{$path};
    delete $left{$path};
    return 0;
}

sub expect {
    my ($name, $expected) = @_;
    my $st = look($name);
    my ($found) = $st ? entry_of($st, $name) : ('-');
    refuse('stale', "it is $found, not $expected") if $found ne $expected;
    return $st;
}

sub check_root {
    my @st = stat $root;
    refuse('rootGone', 'the workspace folder is gone') unless @st && $st[1] == $rootino;
    undef $here;
}

sub trash_room {
    my ($path, $why) = @_;
    my $id = sprintf '%d000-%06d', time, ++$count;
    $id = sprintf '%d000-%06d-%d', time, $count, $$ if -e "$trash/$id";
    if (!$index) {
        sysopen($index, "$trash/index", O_WRONLY | O_CREAT | O_APPEND, 0600) or trouble();
    }
    write_all($index, "$id $why $path\n");
    my ($name) = $path =~ m{([^/]*)\z};
    $name = substr $name, -200 if length $name > 200;
    return "$trash/$id~$name";
}

sub trash_items {
    opendir(my $dir, $trash) or trouble();
    return map { ["$trash/$_", (lstat "$trash/$_")[7] // 0] } sort grep { /~/ } readdir $dir;
}

sub trash_count {
    my ($size) = @_;
    if (defined $used) { $used += $size }
    else { $used = 0; $used += $_->[1] for trash_items() }
    return if $used <= $limit;
    for my $item (trash_items()) {
        last if $used <= $limit;
        unlink $item->[0];
        $used -= $item->[1];
    }
}

sub copy {
    my ($from, $to) = @_;
    if (-l $from) { symlink(readlink($from), $to) or trouble(); return }
    sysopen(my $in, $from, O_RDONLY | $nofollow) or trouble();
    sysopen(my $out, $to, O_WRONLY | O_CREAT | O_EXCL, 0600) or trouble();
    while (1) {
        my $got = sysread($in, my $data, WHOLE);
        trouble() unless defined $got;
        last if $got == 0;
        write_all($out, $data);
    }
    close $out or trouble();
}

sub remove {
    my ($name, $path, $expected) = @_;
    my $before = expect($name, $expected);
    my $room = trash_room($path, 'deleted');
    if (!rename $name, $room) {
        trouble() unless $! == EXDEV;
        copy($name, $room);
        expect($name, $expected);
        unlink $name or trouble();
        return;
    }
    my $got = look($room);
    if (core($got) ne core($before)) {
        # Something else came to be there in this instant: back with it.
        unlink $room if link $room, $name;
        refuse('stale', 'it changed just now');
    }
    trash_count($before->[2]);
}

# Moves a staged file or link to its place, and answers what is there then.
sub place {
    my ($staged, $name, $path, $expected) = @_;
    my $mine = look($staged);
    my $done = eval {
        if ($expected eq '-') {
            if (link $staged, $name) { unlink $staged }
            elsif ($! == EEXIST) { refuse('stale', 'something is there already') }
            elsif ($! == EXDEV) { $mine = beside($staged, $name, $expected) }
            else { trouble() }
        } else {
            my $before = expect($name, $expected);
            my $room = trash_room($path, 'replaced');
            if (link $name, $room) {
                my $kept = look($room);
                if (core($kept) ne core($before)) {
                    unlink $room;
                    refuse('stale', 'it changed just now');
                }
            } elsif ($! == EXDEV || $! == EPERM) {
                copy($name, $room);
                expect($name, $expected);
            } else { trouble() }
            # Nothing before this: what somebody puts there after that look would be gone.
            if (!rename $staged, $name) {
                trouble() unless $! == EXDEV;
                $mine = beside($staged, $name, $expected);
            }
            trash_count($before->[2]);
        }
        1;
    };
    if (!$done) { my $error = $@; unlink $staged; die $error }
    my $now = look($name);
    $now = $mine if !$now || core($now) ne core($mine);
    return show($now);
}

# A file system mounted inside the workspace: through a temporary beside the target.
sub beside {
    my ($staged, $name, $expected) = @_;
    my $next = ".switchyard-sync-$$";
    unlink $next;
    copy($staged, $next);
    my $st = look($staged);
    chmod $st->[0] & 0777, $next unless S_ISLNK($st->[0]);
    unlink $staged;
    expect($name, $expected);
    my $mine = look($next);
    rename $next, $name or trouble();
    return $mine;
}

sub stage_path {
    my ($id) = @_;
    refuse('denied', 'bad name') unless $id =~ /\A[a-z0-9-]+\z/;
    return "$staging/$id";
}

sub executable { my ($mode) = @_; return ($mode | (($mode & 0444) >> 2)) & 07777 }

sub operate {
    my ($kind, $path, $expected, $arg, $how, $content) = @_;
    my $name = enter($path);
    if ($kind eq 'folder') {
        if (!mkdir $name) {
            refuse('stale', 'something is there already') if $! == EEXIST;
            trouble();
        }
        return ('d', '');
    }
    if ($kind eq 'move') {
        expect($name, $expected);
        # Two folders at once: both are checked, and the way back is by an open one.
        opendir(my $from, '.') or trouble();
        my $to = enter($arg);
        refuse('stale', 'something is there already') if look($to);
        opendir(my $into, '.') or trouble();
        my $source = '/proc/self/fd/' . fileno($from) . "/$name";
        rename $source, '/proc/self/fd/' . fileno($into) . "/$to" or trouble();
        undef $here;
        return entry($arg);
    }
    if ($kind eq 'file') {
        expect($name, $expected);
        my $staged;
        if ($how eq 'data') {
            $staged = "$staging/file-" . ++$count;
            sysopen(my $out, $staged, O_WRONLY | O_CREAT | O_EXCL, $arg ? 0777 : 0666) or trouble();
            my $ok = eval { write_all($out, $content); close $out or trouble(); 1 };
            if (!$ok) { my $error = $@; unlink $staged; die $error }
        } else {
            $staged = stage_path($how);
            my $st = look($staged);
            refuse('stale', 'the file is not all there') unless $st && $st->[2] == $content;
            chmod $arg ? executable(0666 & ~umask) : 0666 & ~umask, $staged or trouble();
        }
        return (place($staged, $name, $path, $expected), '');
    }
    if ($kind eq 'link') {
        expect($name, $expected);
        my $staged = "$staging/file-" . ++$count;
        symlink $arg, $staged or trouble();
        return (place($staged, $name, $path, $expected), $arg);
    }
    if ($kind eq 'mode') {
        my $st = expect($name, $expected);
        sysopen(my $fh, $name, O_RDONLY | $nofollow | O_NONBLOCK) or trouble();
        chmod $arg ? executable($st->[0]) : $st->[0] & 07777 & ~0111, $fh or trouble();
        return entry_of(look($name), $name);
    }
    if ($kind eq 'remove') {
        if ($expected eq 'd') { rmdir $name or trouble(); undef $here }
        else { remove($name, $path, $expected) }
        return ('', '');
    }
    refuse('failed', 'unknown operation');
}

sub apply {
    my @fields = @_;
    check_root();
    my @answers;
    while (my @operation = splice @fields, 0, 6) {
        my @found = eval { operate(@operation) };
        if (ref $@) { push @answers, $@->[0], $@->[1], ''; undef $here }
        elsif ($@) { push @answers, 'failed', "$@", ''; undef $here }
        else {
            push @answers, 'ok', @found[0, 1];
            my ($kind, $path, undef, $to) = @operation;
            if ($kind eq 'move') { leave($path, '-'); $path = $to }
            leave($path, $found[0] eq '' ? '-' : $found[0]);
        }
    }
    return @answers;
}

# An open file with its state, or nothing.
sub open_file {
    my ($path) = @_;
    my @opened = eval {
        my $name = enter($path);
        my $before = look($name);
        return unless $before && S_ISREG($before->[0]);
        sysopen(my $fh, $name, O_RDONLY | $nofollow | O_NONBLOCK) or return;
        my @st = stat $fh;
        return unless @st && $st[1] == $before->[1];
        ($fh, $before, $name);
    };
    die $@ if ref $@ && $@->[0] ne 'stale';
    return @opened;
}

sub still { my ($name, $st) = @_; my $now = look($name); return $now && show($now) eq show($st) }

# There is no SHA-256 in every Perl; there is a program in every Linux. A large file takes it longer than anybody
# waits for an answer, so each second that it does is a sign of life.
sub sums {
    my ($id, @files) = @_;
    open(my $pipe, '-|', 'sha256sum', '--', @files) or return;
    my ($said, $got) = ('', 1);
    while ($got) {
        vec(my $waits = '', fileno $pipe, 1) = 1;
        my $speaks = select($waits, undef, undef, 1);
        reply($id, 0) unless $speaks;
        next if $speaks <= 0;
        $got = sysread($pipe, $said, 65536, length $said);
        $got = 1 if !defined $got && $! == EINTR;
    }
    close $pipe;
    my @sums = map { /\A\\?([0-9a-f]{64}) / ? $1 : () } split /\n/, $said;
    return @sums == @files ? @sums : ();
}

sub hash {
    my ($id, @paths) = @_;
    my (@answers, @sound);
    my $spoke = time;
    for my $n (0 .. $#paths) {
        my ($fh, $st) = open_file($paths[$n]);
        push @answers, '', '';
        push @sound, [$n, $st, "$root/$paths[$n]"] if $fh;
    }
    while (my @batch = splice @sound, 0, 50) {
        my @sums = sums($id, map { $_->[2] } @batch);
        @sums = map { my ($sum) = sums($id, $_->[2]); $sum // '' } @batch unless @sums;
        for my $n (0 .. $#batch) {
            my ($at, $st, $file) = @{ $batch[$n] };
            next unless $sums[$n] && still($file, $st);
            @answers[2 * $at, 2 * $at + 1] = (mark($st), $sums[$n]);
        }
        if (time > $spoke) { $spoke = time; reply($id, 0) }
    }
    return @answers;
}

sub read_file {
    my ($path, $want, $offset, $length) = @_;
    my ($fh, $st, $name) = open_file($path);
    return ('', '') unless $fh;
    if (!defined $want) {
        return ('', '') if $st->[2] > WHOLE;
        $length = $st->[2];
    } elsif (show($st) ne $want) { return ('', '') }
    my $left = $st->[2] - $offset;
    $left = $length if $length < $left;
    my $data = '';
    sysseek($fh, $offset, SEEK_SET) if $offset;
    while ($left > 0) {
        my $got = sysread($fh, $data, $left, length $data);
        return ('', '') unless $got;
        $left -= $got;
    }
    return still($name, $st) ? (mark($st), $data) : ('', '');
}

sub make_rules {
    my @fields = @_;
    my @rules;
    while (my ($flags, $text) = splice @fields, 0, 2) { push @rules, [$flags, qr/\A(?:$text)\z/s] }
    return sub {
        my ($path, $name, $isdir) = @_;
        my $named = 0;
        for my $rule (@rules) {
            my $flags = $rule->[0];
            next if !$isdir && index($flags, 'd') >= 0;
            next unless (index($flags, 'b') >= 0 ? $name : $path) =~ $rule->[1];
            $named = index($flags, 'n') < 0;
        }
        return $named;
    };
}

sub scan {
    my ($id, $base, @rules) = @_;
    my $names = make_rules(@rules);
    my @pending = ('');
    my ($out, $total, $here_count) = ('', 0, 0);
    while (@pending) {
        my $folder = pop @pending;
        my $place = $folder eq '' ? $base : "$base/$folder";
        my $dir;
        if (!opendir $dir, $place) {
            trouble() if $folder eq '';
            next if $! == ENOENT || $! == ENOTDIR;
            $out .= "e\0$folder\0$!\0";
            $total++;
            next;
        }
        if ($folder ne '') { $out .= "d\0$folder\0\0"; $total++ }
        chdir $dir or trouble();
        while (defined(my $name = readdir $dir)) {
            next if $name eq '.' || $name eq '..';
            my $path = $folder eq '' ? $name : "$folder/$name";
            my $st = look($name);
            if (!$st) {
                next if $! == ENOENT;
                $out .= "e\0$path\0$!\0";
                $total++;
                next;
            }
            my $isdir = S_ISDIR($st->[0]);
            next if $names->($path, $name, $isdir);
            if ($isdir) { push @pending, $path; next }
            my ($print, $target) = entry_of($st, $name);
            $print = "!$print" if length $print > 1 && $st->[5] > time - RACY - 1;
            $out .= "$print\0$path\0$target\0";
            $total++;
        }
        if (length $out > 1 << 18) { reply($id, 0, $out); $out = '' }
    }
    undef $here;
    reply($id, 0, $out);
    return $total;
}

# Moves what a staged folder holds into the workspace. Never replaces anything.
sub merge {
    my ($src, $folder, $found) = @_;
    opendir(my $dir, $src) or trouble();
    my @names = grep { $_ ne '.' && $_ ne '..' } readdir $dir;
    closedir $dir;
    for my $name (@names) {
        my $path = $folder eq '' ? $name : "$folder/$name";
        my $target = eval { enter($path) };
        if ($@) { push @$found, $path, ''; next }
        my $mine = look("$src/$name");
        if (S_ISDIR($mine->[0])) {
            next if rename "$src/$name", $target;
            my $there = look($target);
            if ($there && S_ISDIR($there->[0])) { merge("$src/$name", $path, $found) }
            else { push @$found, $path, '' }
            next;
        }
        if (!link "$src/$name", $target) {
            trouble() unless $! == EEXIST || $! == EXDEV;
            push @$found, $path, '';
            next;
        }
        unlink "$src/$name";
        my $now = look($target);
        $now = $mine if !$now || core($now) ne core($mine);
        push @$found, $path, show($now);
    }
}

sub watch_add {
    my ($folder, $news) = @_;
    my @pending = ($folder);
    while (@pending) {
        my $at = pop @pending;
        my $place = $at eq '' ? $root : "$root/$at";
        # As in the Python agent: what changes names, contents and attributes; folders only, no links.
        my $wd = syscall($call{add}, $watchfd, $place, 0x70003ce | 0x100);
        if ($wd < 0) {
            next if $! == ENOENT || $! == ENOTDIR || $! == EACCES || $! == ELOOP;
            return 0;
        }
        delete $by_path{ $by_wd{$wd} } if defined $by_wd{$wd} && $by_wd{$wd} ne $at;
        $by_wd{$wd} = $at;
        $by_path{$at} = $wd;
        opendir(my $dir, $place) or next;
        while (defined(my $name = readdir $dir)) {
            next if $name eq '.' || $name eq '..';
            my $path = $at eq '' ? $name : "$at/$name";
            my $isdir = !-l "$place/$name" && -d _;
            next if $watch_rules->($path, $name, $isdir);
            $news->{$path} = 1 if $news;
            push @pending, $path if $isdir;
        }
    }
    return 1;
}

sub watch_start {
    $watch_rules = make_rules(@_);
    $watchfd = syscall($call{init}, 02000000 | 04000);
    return 0 if $watchfd < 0;
    open($watchfh, '<&=', $watchfd) or return 0;
    return watch_add('', undef);
}

sub watch_read {
    my $got = sysread($watchfh, my $data, 1 << 18);
    return unless $got;
    my %news;
    my $at = 0;
    while ($at < $got) {
        my ($wd, $mask, undef, $length) = unpack 'lLLL', substr $data, $at, 16;
        my $name = substr $data, $at + 16, $length;
        $name =~ s/\0+\z//;
        $at += 16 + $length;
        if ($mask & 0x4000) { reply(0, 3); return }
        if ($mask & 0x8000) {
            my $gone = delete $by_wd{$wd};
            delete $by_path{$gone} if defined $gone && ($by_path{$gone} // -1) == $wd;
            next;
        }
        my $folder = $by_wd{$wd};
        next if !defined $folder || $name eq '';
        my $path = $folder eq '' ? $name : "$folder/$name";
        my $isdir = $mask & 0x40000000;
        next if $watch_rules->($path, $name, $isdir);
        $news{$path} = 1;
        if ($isdir && $mask & 0x40) {
            for my $below (grep { $_ eq $path || index($_, "$path/") == 0 } keys %by_path) {
                my $old = delete $by_path{$below};
                delete $by_wd{$old};
                syscall($call{rm}, $watchfd, $old);
            }
        } elsif ($isdir && $mask & 0x180) {
            # No watches left: from here on only a look at everything helps.
            if (!watch_add($path, \%news)) { reply(0, 3); return }
        }
    }
    undef $here;
    my @news = grep { !is_echo($_) } keys %news;
    reply(0, 3, @news) if @news;
}

# Takes long on a busy disk; a child does it, and its end of a pipe closes when it is done.
sub settle {
    my ($id) = @_;
    pipe(my $done, my $held) or trouble();
    my $pid = fork;
    trouble() unless defined $pid;
    if ($pid == 0) {
        close $done;
        syscall($call{syncfs}, fileno $rootfh);
        require POSIX;
        POSIX::_exit(0);
    }
    close $held;
    $settling{ fileno $done } = [$done, $id, $pid];
}

sub read_text {
    my ($file) = @_;
    open(my $fh, '<', $file) or return '';
    my $text = do { local $/; <$fh> } // '';
    $text =~ s/\A\s+|\s+\z//g;
    return $text;
}

sub write_text {
    my ($file, $text) = @_;
    open(my $fh, '>', $file) or trouble();
    print $fh $text or trouble();
    close $fh or trouble();
}

sub hello {
    my (undef, $folder, $key, $bytes) = @_;
    ($root, $limit) = ($folder, $bytes);
    eval { File::Path::make_path($root) };
    refuse('denied', 'the workspace folder is not writable') unless -d $root && -w _ && -x _;
    my $home = $ENV{HOME} // (getpwuid $<)[7] // '/nonexistent';
    my $candidate = ($ENV{XDG_STATE_HOME} || "$home/.local/state") . "/switchyard/sync/$key";
    eval { File::Path::make_path($candidate, { mode => 0700 }) };
    my @theirs = stat $candidate;
    my @ours = stat $root;
    if (@theirs && $theirs[0] == $ours[0] && index($candidate, "$root/") != 0) { $state = $candidate }
    else {
        $state = "$root/.switchyard-sync";
        eval { File::Path::make_path($state, { mode => 0700 }) };
        write_text("$state/.gitignore", "*\n");
    }
    ($staging, $trash) = ("$state/staging", "$state/trash");
    for ($staging, $trash) { mkdir $_, 0700 unless -d $_ }
    sysopen($lock, "$state/lock", O_RDWR | O_CREAT, 0600) or trouble();
    my $held = 0;
    for my $try (1 .. 200) {
        last if $held = flock $lock, LOCK_EX | LOCK_NB;
        # An agent whose connection was lost without its noticing: the host has one sync at a time.
        my $other = read_text("$state/lock");
        # Its greeting is among its arguments: a number that was given to another program since has none.
        my $ours = $other =~ /\A\d+\z/ && read_text("/proc/$other/cmdline") =~ /switchyard-/;
        kill 'TERM', $other if $try == 1 && $ours;
        select undef, undef, undef, 0.02;
    }
    refuse('failed', 'another sync holds this folder') unless $held;
    truncate $lock, 0;
    sysseek $lock, 0, SEEK_SET;
    write_all($lock, $$);
    opendir(my $dir, $staging) or trouble();
    for my $name (grep { !/\A\.\.?\z|\Alarge-/ } readdir $dir) {
        my $path = "$staging/$name";
        -d $path && !-l $path ? File::Path::remove_tree($path) : unlink $path;
    }
    opendir($rootfh, $root) or trouble();
    $rootino = (stat $root)[1];
    my $marker = read_text("$state/marker");
    if ($marker eq '') {
        open(my $random, '<', '/dev/urandom') or trouble();
        sysread $random, my $bits, 16;
        $marker = unpack 'H*', $bits;
        write_text("$state/marker", $marker);
    }
    my $identity = read_text('/etc/machine-id') . ":$rootino:$marker";
    my $tar = grep { -x "$_/tar" } split /:/, $ENV{PATH} // '';
    return (VERSION, 'perl', $identity, read_text('/proc/sys/kernel/random/boot_id'), $staging, $tar ? 1 : 0);
}

sub handle {
    my ($id, $op, @fields) = @_;
    return hello(@fields) if $op == 1;
    # What was gone into for the last request may lie elsewhere by now.
    undef $here;
    if ($op == 2) { check_root(); %left = (); my $n = scan($id, $root, @fields); check_root(); return $n }
    if ($op == 3) {
        return map { my @found = entry($_); saw($_, $found[0] // '-'); @found ? @found : ('', '') } @fields;
    }
    if ($op == 4) {
        my @found = hash($id, @fields);
        saw($fields[$_], $found[2 * $_]) for 0 .. $#fields;
        return @found;
    }
    if ($op == 5) {
        for my $path (@fields) {
            my @found = read_file($path, undef, 0, 0);
            saw($path, $found[0]);
            reply($id, 0, @found);
        }
        return ();
    }
    return read_file(@fields) if $op == 6;
    if ($op == 7) { my $st = look(stage_path($fields[0])); return $st ? $st->[2] : 0 }
    if ($op == 8) {
        sysopen(my $out, stage_path($fields[0]), O_WRONLY | O_CREAT, 0600) or trouble();
        truncate $out, $fields[1] or trouble();
        sysseek $out, $fields[1], SEEK_SET;
        # A hole stays one: nobody has the room for all the zeros of a disk image.
        if ($fields[2] =~ /[^\0]/) { write_all($out, $fields[2]) }
        else { truncate $out, $fields[1] + length $fields[2] or trouble() }
        return ();
    }
    return apply(@fields) if $op == 9;
    if ($op == 10) { settle($id); return undef }
    if ($op == 12) { return scan($id, stage_path($fields[0])) }
    if ($op == 13) {
        check_root();
        my ($stage, @out) = @fields;
        for (@out) { parts_of($_); unlink stage_path($stage) . "/$_" }
        my @found;
        merge(stage_path($stage), '', \@found);
        chdir '/';
        undef $here;
        File::Path::remove_tree(stage_path($stage), { safe => 1 });
        return @found;
    }
    return () if $op == 14;
    return watch_start(@fields) ? 'events' : 'polling' if $op == 15;
    if ($op == 16) { File::Path::remove_tree(stage_path($fields[0])); return () }
    refuse('failed', 'unknown request');
}

# Until a request comes, passes on what the watch and the settling tell.
sub listen_on {
    while ($watchfh || %settling) {
        my $bits = '';
        vec($bits, $_, 1) = 1 for 0, ($watchfh ? $watchfd : ()), keys %settling;
        my $ready = select $bits, undef, undef, undef;
        next if $ready < 0;
        watch_read() if $watchfh && vec $bits, $watchfd, 1;
        for my $fd (keys %settling) {
            next unless vec $bits, $fd, 1;
            my (undef, $id, $pid) = @{ delete $settling{$fd} };
            waitpid $pid, 0;
            reply($id, 1);
        }
        return if vec $bits, 0, 1;
    }
}

while (1) {
    listen_on();
    my ($size, $id, $op) = unpack 'NNC', read_exact(9);
    my $body = read_exact($size - 5);
    my @fields;
    for (my $at = 0; $at < length $body;) {
        my $length = unpack 'N', substr $body, $at, 4;
        push @fields, substr $body, $at + 4, $length;
        $at += 4 + $length;
    }
    my @answer = eval { handle($id, $op, @fields) };
    if (ref $@) { reply($id, 2, $@->[0], $@->[1]) }
    elsif ($@) { reply($id, 2, 'failed', "$@") }
    else { reply($id, 1, @answer) unless @answer == 1 && !defined $answer[0] }
}
