# The door's end inside a container, for Perl 5.10 and later with nothing but what every Perl has, on Linux.
# It is fed to the interpreter's standard input and speaks the frames of frames.ts there and on standard
# output. It does for the SSH server outside what sshd would do inside: starts programs with pipes or a
# terminal, connects, listens, and hangs up on everything when the other end goes away, however it went.
use strict;
use warnings;
use Errno qw(EAGAIN EINTR EINPROGRESS ENOENT);
use Fcntl qw(:DEFAULT :mode :seek);
use POSIX ();
use Socket qw(:DEFAULT inet_pton inet_ntop IPPROTO_TCP TCP_NODELAY AF_INET6 getaddrinfo);

use constant {
    EXEC => 1, TCP => 2, UNIX => 3, LISTEN_TCP => 4, LISTEN_UNIX => 5, DATA => 6, FINISH => 7, CLOSE => 8,
    CREDIT => 9, RESIZE => 10, SIGNAL => 11,
    HELLO => 64, OPENED => 65, FAILED => 66, OUT => 67, ERR => 68, ENDED => 69, EXITED => 70, GRANT => 71,
    ACCEPTED => 72, CLOSED => 73,
};
# Bytes: a frame before its payload, what is read at once, what may be under way to us for one channel, and when to
# say that it arrived.
use constant { HEAD => 9, CHUNK => 1 << 17, WINDOW => 1 << 21, NOTE => 1 << 20 };
# ioctl and fcntl numbers of Linux: asm-generic/ioctls.h, linux/fcntl.h; and the size of its pipes, in bytes.
use constant {
    TIOCSCTTY => 0x540E, TIOCSWINSZ => 0x5414, TIOCGPTN => 0x80045430, TIOCSPTLCK => 0x40045431,
    SETPIPE_SZ => 1031, PIPE => 1 << 20,
};

my (%channel, %reader, %writer, %child, @doomed);
my ($rset, $wset) = ('', '');
my $accepted = 0x80000000;
my $pause = 0.25;
my ($user, $uid, $home, $shell) = (getpwuid($<))[0, 2, 7, 8];
$user = $< unless defined $user;
$home = '/' unless defined $home && -d $home;
$shell = '/bin/sh' unless defined $shell && $shell ne '';

binmode STDIN;
binmode STDOUT;
# The engine reads little at a time: it finds more to read, and we are woken less often. That a system refuses
# it does not matter.
fcntl($_, SETPIPE_SZ, PIPE) for \*STDIN, \*STDOUT;
$SIG{PIPE} = 'IGNORE';
# Does nothing but wake select; a program that ends is looked for at every turn.
$SIG{CHLD} = sub { };

sub send_frame {
    my ($type, $id) = @_;
    my $body = @_ > 2 ? $_[2] : '';
    say_all(pack('NCN', length($body) + HEAD - 4, $type, $id) . $body);
}

sub say_all {
    my $at = 0;
    while ($at < length $_[0]) {
        my $wrote = syswrite(STDOUT, $_[0], length($_[0]) - $at, $at);
        if (!defined $wrote) { next if $! == EINTR; hang_up() }
        $at += $wrote;
    }
}

# Reads what there is for a channel, behind a place for the frame's head, so that no byte of it is copied again.
# As sysread does, it answers how many bytes came, and what was wrong in $!.
my $output = "\0" x (HEAD + CHUNK);
sub pass_on {
    my ($c, $fh, $type) = @_;
    my $got = sysread($fh, $output, $c->{credit} < CHUNK ? $c->{credit} : CHUNK, HEAD);
    return $got unless $got;
    substr($output, 0, HEAD, pack('NCN', $got + HEAD - 4, $type, $c->{id}));
    say_all($output);
    $c->{credit} -= $got;
    pause($c, 1) if $c->{credit} <= 0;
    return $got;
}

sub fields { return join '', map { pack('N', length $_) . $_ } @_ }
sub unfields { my @out; my $at = 0; my $all = length $_[0];
    while ($at + 4 <= $all) { my $n = unpack('N', substr($_[0], $at, 4)); push @out, substr($_[0], $at + 4, $n); $at += 4 + $n }
    return @out;
}

sub watch_read { my ($fh, $entry) = @_; $reader{fileno $fh} = $entry; vec($rset, fileno $fh, 1) = 1 }
sub unwatch_read { my ($fh) = @_; my $fd = fileno $fh; delete $reader{$fd}; vec($rset, $fd, 1) = 0 }
sub watch_write { my ($fh, $entry) = @_; $writer{fileno $fh} = $entry; vec($wset, fileno $fh, 1) = 1 }
sub unwatch_write { my ($fh) = @_; my $fd = fileno $fh; delete $writer{$fd}; vec($wset, $fd, 1) = 0 }
sub nonblocking { my ($fh) = @_; fcntl($fh, F_SETFL, fcntl($fh, F_GETFL, 0) | O_NONBLOCK) }

# Everything that was started and is not over hears that nobody listens any more. What ignores HUP (nohup)
# or has a session of its own (setsid) wants to live on, as under sshd.
sub hang_up {
    kill('HUP', -$_) for keys %child;
    forget_listener($_) for grep { $_->{listener} } values %channel;
    POSIX::_exit(0);
}

# ---- programs

sub start_program {
    my ($id, $kind, $command, $columns, $rows, $width, $height, @env) = @_;
    my $pty = $columns ne '';
    my $c = { id => $id, credit => WINDOW, queue => '', written => 0, outputs => 0, program => 1 };
    my ($master, $slave, $name, @inside);
    if ($pty) {
        ($master, $name) = open_terminal() or return send_frame(FAILED, $id, "No terminal: $!");
        ioctl($master, TIOCSWINSZ, pack('S4', $rows, $columns, $width, $height));
    } else {
        pipe(my $in_r, my $in_w) && pipe(my $out_r, my $out_w) && pipe(my $err_r, my $err_w)
            or return send_frame(FAILED, $id, "No pipe: $!");
        # Larger pipes mean fewer turns, as above.
        fcntl($_, SETPIPE_SZ, PIPE) for $in_w, $out_r;
        @inside = ($in_r, $out_w, $err_w);
        ($c->{in}, $c->{out}, $c->{err}) = ($in_w, $out_r, $err_r);
    }
    my $pid = fork;
    return send_frame(FAILED, $id, "No process: $!") unless defined $pid;
    if ($pid == 0) {
        @SIG{qw(CHLD PIPE)} = ('DEFAULT', 'DEFAULT');
        POSIX::setsid();
        if ($pty) {
            sysopen(my $tty, $name, O_RDWR) or POSIX::_exit(126);
            ioctl($tty, TIOCSCTTY, 0);
            set_modes($tty);
            @inside = ($tty, $tty, $tty);
            $ENV{SSH_TTY} = $name;
        }
        POSIX::dup2(fileno $inside[$_], $_) for 0 .. 2;
        run_program($kind, $command, @env);
    }
    $c->{pid} = $pid;
    $child{$pid} = $c;
    $channel{$id} = $c;
    if ($pty) {
        nonblocking($master);
        @$c{qw(in out terminal)} = ($master, $master, 1);
        $c->{outputs} = 1;
        watch_read($master, [\&read_program, $c, $master, OUT]);
    } else {
        nonblocking($_) for $c->{in};
        $c->{outputs} = 2;
        watch_read($c->{out}, [\&read_program, $c, $c->{out}, OUT]);
        watch_read($c->{err}, [\&read_program, $c, $c->{err}, ERR]);
    }
    send_frame(OPENED, $id);
}

# In the new process; does not return.
sub run_program {
    my ($kind, $command, @env) = @_;
    chdir $home or chdir '/';
    @ENV{qw(USER LOGNAME HOME SHELL)} = ($user, $user, $home, $shell);
    while (my ($name, $value) = splice @env, 0, 2) { $ENV{$name} = $value }
    if ($kind eq 'sftp') {
        # Not replaced by another program: what the others hold open must go by hand.
        POSIX::close($_) for 3 .. 3 + keys(%reader) + keys(%writer) + 32;
        eval { sftp_main(); 1 } or syswrite(STDERR, "sftp: $@");
        POSIX::_exit(0);
    }
    my ($base) = $shell =~ m{([^/]*)$};
    if ($kind eq 'shell') { no warnings; exec { $shell } "-$base" }
    else { no warnings; exec { $shell } $base, '-c', $command }
    my $code = $! == ENOENT ? 127 : 126;
    syswrite(STDERR, "$shell: $!\n");
    POSIX::_exit($code);
}

sub open_terminal {
    sysopen(my $master, '/dev/ptmx', O_RDWR | O_NOCTTY) or return;
    my $number = pack('i', 0);
    ioctl($master, TIOCSPTLCK, $number) or return;
    ioctl($master, TIOCGPTN, $number) or return;
    return ($master, '/dev/pts/' . unpack('i', $number));
}

# So that erasing a character in a line erases a whole one: every terminal today speaks UTF-8 (IUTF8).
sub set_modes {
    my ($tty) = @_;
    my $modes = POSIX::Termios->new;
    return unless defined $modes->getattr(fileno $tty);
    $modes->setiflag($modes->getiflag | 0x4000);
    $modes->setattr(fileno $tty, POSIX::TCSANOW());
}

sub read_program {
    my ($c, $fh, $type) = @_;
    my $got = pass_on($c, $fh, $type);
    return if $got || !defined $got && ($! == EAGAIN || $! == EINTR);
    # A terminal says EIO when the last program has closed it.
    unwatch_read($fh);
    close $fh unless $c->{terminal};
    end_output($c) if --$c->{outputs} == 0;
}

# Reads no more of a channel that the other end has no room for, or reads on.
sub pause {
    my ($c, $on) = @_;
    for my $fh (grep { defined && defined fileno $_ } @$c{qw(out err)}) {
        vec($rset, fileno $fh, 1) = $on ? 0 : 1 if $reader{fileno $fh};
    }
}

sub end_output {
    my ($c) = @_;
    send_frame(ENDED, $c->{id});
    $c->{drained} = 1;
    $pause = 0.001;
    forget_program($c) if $c->{over};
}

sub reap {
    while ((my $pid = waitpid(-1, POSIX::WNOHANG())) > 0) {
        my $status = $?;
        my $c = delete $child{$pid} or next;
        $c->{over} = 1;
        next if $c->{closed};
        if ($c->{terminal} && !$c->{drained}) {
            while (sysread($c->{out}, my $data, CHUNK)) { send_frame(OUT, $c->{id}, $data) }
            unwatch_read($c->{out}) if $reader{fileno $c->{out}};
            end_output($c);
        }
        my $signal = $status & 127;
        send_frame(EXITED, $c->{id}, fields($status >> 8, $signal ? signal_name($signal) : '', $status & 128 ? 1 : 0));
        forget_program($c) if $c->{drained};
    }
}

sub signal_name { no warnings 'once'; require Config; return (split ' ', $Config::Config{sig_name})[$_[0]] || $_[0] }

sub forget_program {
    my ($c) = @_;
    drop_input($c);
    for my $fh (grep { defined && defined fileno $_ } @$c{qw(out err)}) { unwatch_read($fh) if $reader{fileno $fh}; close $fh }
    delete $channel{$c->{id}};
}

sub close_program {
    my ($c) = @_;
    $c->{closed} = 1;
    # What ended by itself may have left something in the background on purpose.
    kill('HUP', -$c->{pid}) if $child{$c->{pid}};
    forget_program($c);
}

# ---- input of programs and sockets

# So many bytes from so far in the text are for it; they are copied only where they must wait.
sub take {
    my ($c, $text, $at, $size) = @_;
    return grant($c, $size) if !$c->{in};
    my $free = !$c->{waiting} && !$c->{connecting};
    if ($free && $c->{queue} eq '') {
        my $wrote = syswrite($c->{in}, $$text, $size, $at) || 0;
        grant($c, $wrote) if $wrote;
        return if $wrote == $size;
        ($at, $size) = ($at + $wrote, $size - $wrote);
    }
    $c->{queue} .= substr($$text, $at, $size);
    # It also finds out why not all of it was taken.
    flush_queue($c) if $free;
}

sub flush_queue {
    my ($c) = @_;
    my $at = 0;
    while ($at < length $c->{queue}) {
        my $wrote = syswrite($c->{in}, $c->{queue}, length($c->{queue}) - $at, $at);
        if (!defined $wrote) {
            next if $! == EINTR;
            last if $! == EAGAIN;
            # Nobody reads it any more; what comes still is thrown away.
            my $rest = length($c->{queue}) - $at;
            grant($c, $at + $rest);
            return drop_input($c);
        }
        $at += $wrote;
    }
    substr($c->{queue}, 0, $at, '');
    grant($c, $at) if $at;
    if ($c->{queue} eq '') {
        unwatch_write($c->{in}) if delete $c->{waiting};
        end_input($c) if $c->{finish};
    } elsif (!$c->{waiting}) {
        $c->{waiting} = 1;
        watch_write($c->{in}, [\&flush_queue, $c]);
    }
}

sub grant {
    my ($c, $bytes) = @_;
    $c->{written} += $bytes;
    return if $c->{written} < NOTE;
    send_frame(GRANT, $c->{id}, pack('N', $c->{written}));
    $c->{written} = 0;
}

sub end_input {
    my ($c) = @_;
    return if $c->{terminal} || !$c->{in};
    return drop_input($c) unless $c->{socket};
    shutdown($c->{in}, 1);
    $c->{finished} = 1;
    close_socket($c) if $c->{drained};
}

sub drop_input {
    my ($c) = @_;
    my $in = delete $c->{in} or return;
    unwatch_write($in) if delete $c->{waiting};
    $c->{queue} = '';
    close $in unless $c->{terminal} || $c->{socket};
}

# ---- sockets

sub connect_tcp {
    my ($id, $host, $port) = @_;
    my @numeric = address($host, $port);
    return try_addresses($id, @numeric) if @numeric;
    # Asking for a name may take long: a process of its own waits for the answer.
    pipe(my $r, my $w) or return send_frame(FAILED, $id, "$!");
    my $pid = fork;
    return send_frame(FAILED, $id, "$!") unless defined $pid;
    if ($pid == 0) {
        my ($error, @found) = getaddrinfo($host, $port, { socktype => SOCK_STREAM });
        syswrite($w, $error ? fields('', "$host: $error") : fields(map { ($_->{family}, $_->{addr}) } @found));
        POSIX::_exit(0);
    }
    my $text = '';
    $channel{$id} = { id => $id, resolving => $r, queue => '', pid => $pid };
    watch_read($r, [sub {
        return if sysread($r, $text, 65536, length $text);
        unwatch_read($r);
        close $r;
        delete $channel{$id} or return;
        my @found = unfields($text);
        return send_frame(FAILED, $id, $found[1] || 'The name is not known.') if !@found || $found[0] eq '';
        try_addresses($id, @found);
    }]);
}

sub address {
    my ($host, $port) = @_;
    return map { address($_, $port) } '127.0.0.1', '::1' if $host eq 'localhost';
    if (my $four = inet_pton(AF_INET, $host)) { return (AF_INET, pack_sockaddr_in($port, $four)) }
    if (my $six = inet_pton(AF_INET6, $host)) { return (AF_INET6, Socket::pack_sockaddr_in6($port, $six)) }
    return;
}

sub try_addresses {
    my ($id, $family, $address, @more) = @_;
    socket(my $fh, $family, SOCK_STREAM, 0) or return send_frame(FAILED, $id, "$!");
    nonblocking($fh);
    my $c = { id => $id, socket => 1, in => $fh, out => $fh, credit => WINDOW, queue => '', written => 0 };
    my $done = sub {
        my ($error) = @_;
        delete $c->{connecting};
        if (!$error) {
            setsockopt($fh, IPPROTO_TCP, TCP_NODELAY, 1) unless $family == AF_UNIX;
            return serve_socket($c);
        }
        delete $channel{$id};
        close $fh;
        return try_addresses($id, @more) if @more;
        $! = $error;
        send_frame(FAILED, $id, "$!");
    };
    $channel{$id} = $c;
    return $done->(0) if connect($fh, $address);
    return $done->($! + 0) unless $! == EINPROGRESS;
    $c->{connecting} = 1;
    watch_write($fh, [sub {
        unwatch_write($fh);
        $done->(unpack('i', getsockopt($fh, SOL_SOCKET, SO_ERROR)));
    }]);
}

sub connect_unix {
    my ($id, $path) = @_;
    my $address = eval { pack_sockaddr_un($path) } or return send_frame(FAILED, $id, 'The path is too long.');
    try_addresses($id, AF_UNIX, $address);
}

sub serve_socket {
    my ($c) = @_;
    $channel{$c->{id}} = $c;
    watch_read($c->{out}, [\&read_socket, $c]);
    send_frame(OPENED, $c->{id}) unless $c->{accepted};
    flush_queue($c) if $c->{queue} ne '' || $c->{finish};
}

sub read_socket {
    my ($c) = @_;
    my $got = pass_on($c, $c->{out}, OUT);
    return if $got || !defined $got && ($! == EAGAIN || $! == EINTR);
    unwatch_read($c->{out});
    $c->{drained} = 1;
    send_frame(ENDED, $c->{id});
    close_socket($c) if $c->{finished} || !defined $got || !$c->{in};
}

sub close_socket {
    my ($c) = @_;
    my $fh = $c->{out};
    delete $channel{$c->{id}};
    unwatch_read($fh) if $reader{fileno $fh};
    unwatch_write($fh) if $writer{fileno $fh};
    close $fh;
    send_frame(CLOSED, $c->{id});
}

# ---- listeners

sub listen_tcp {
    my ($id, $port) = @_;
    my $fh;
    my $ok = socket($fh, AF_INET, SOCK_STREAM, 0)
        && setsockopt($fh, SOL_SOCKET, SO_REUSEADDR, 1)
        && bind($fh, pack_sockaddr_in($port, INADDR_LOOPBACK))
        && listen($fh, 128);
    return send_frame(FAILED, $id, "$!") unless $ok;
    serve_listener($id, $fh, (unpack_sockaddr_in(getsockname($fh)))[0]);
}

# Without a path it makes one that only this user reaches.
sub listen_unix {
    my ($id, $path) = @_;
    my $folder;
    if ($path eq '') {
        for my $base (grep { -w } '/tmp', '/dev/shm', '/var/tmp') {
            my $try = "$base/ssh-" . join '', map { ('a' .. 'z', 0 .. 9)[rand 36] } 1 .. 12;
            if (mkdir $try, 0700) { $folder = $try; last }
        }
        return send_frame(FAILED, $id, 'There is no folder for a socket.') unless defined $folder;
        $path = "$folder/agent.$$";
    }
    my $mask = umask 0177;
    my $address = eval { pack_sockaddr_un($path) };
    my $fh;
    my $ok = $address && socket($fh, AF_UNIX, SOCK_STREAM, 0) && bind($fh, $address) && listen($fh, 128);
    my $why = "$!";
    umask $mask;
    if (!$ok) { rmdir $folder if defined $folder; return send_frame(FAILED, $id, $why) }
    my $c = serve_listener($id, $fh, $path);
    @$c{qw(path folder)} = ($path, $folder);
}

sub serve_listener {
    my ($id, $fh, $where) = @_;
    nonblocking($fh);
    my $c = $channel{$id} = { id => $id, listener => $fh };
    watch_read($fh, [sub {
        my $from = accept(my $new, $fh) or return;
        nonblocking($new);
        my $other = { id => ++$accepted, socket => 1, accepted => 1, in => $new, out => $new,
            credit => WINDOW, queue => '', written => 0 };
        my ($port, $host) = length $from > 4 && sockaddr_family($from) == AF_INET ? unpack_sockaddr_in($from) : (0, undef);
        setsockopt($new, IPPROTO_TCP, TCP_NODELAY, 1) if defined $host;
        send_frame(ACCEPTED, $id, fields($other->{id}, defined $host ? inet_ntoa($host) : '', $port));
        serve_socket($other);
    }]);
    send_frame(OPENED, $id, $where);
    return $c;
}

sub forget_listener {
    my ($c) = @_;
    unwatch_read($c->{listener});
    close $c->{listener};
    unlink $c->{path} if defined $c->{path};
    rmdir $c->{folder} if defined $c->{folder};
    delete $channel{$c->{id}};
}

# ---- frames

my %on = (
    EXEC, sub { start_program($_[0], unfields($_[1])) },
    TCP, sub { connect_tcp($_[0], unfields($_[1])) },
    UNIX, sub { connect_unix($_[0], unfields($_[1])) },
    LISTEN_TCP, sub { listen_tcp($_[0], unfields($_[1])) },
    LISTEN_UNIX, sub { listen_unix($_[0], unfields($_[1])) },
    FINISH, sub {
        my $c = $channel{$_[0]} or return;
        $c->{finish} = 1;
        end_input($c) if $c->{queue} eq '' && !$c->{connecting} && !$c->{resolving};
    },
    CLOSE, sub {
        my $c = $channel{$_[0]} or return;
        return forget_listener($c) if $c->{listener};
        return close_program($c) if $c->{program};
        return close_socket($c) if $c->{socket};
        delete $channel{$_[0]};
    },
    CREDIT, sub {
        my $c = $channel{$_[0]} or return;
        my $none = $c->{credit} <= 0;
        $c->{credit} += unpack('N', $_[1]);
        pause($c, 0) if $none && $c->{credit} > 0;
    },
    RESIZE, sub {
        my $c = $channel{$_[0]} or return;
        ioctl($c->{out}, TIOCSWINSZ, pack('S4', unpack('N4', $_[1]))) if $c->{terminal};
    },
    SIGNAL, sub {
        my $c = $channel{$_[0]} or return;
        kill($_[1], -$c->{pid}) if $c->{pid} && $child{$c->{pid}};
    },
);

my $in = '';
watch_read(\*STDIN, [sub {
    my $got = sysread(STDIN, $in, 1 << 18, length $in);
    if (!$got) { return if !defined $got && $! == EINTR; hang_up() }
    my $at = 0;
    while (length($in) - $at >= 4) {
        my $size = unpack('N', substr($in, $at, 4));
        last if length($in) - $at < 4 + $size;
        my ($type, $id) = unpack('CN', substr($in, $at + 4, 5));
        if ($type == DATA) { take($channel{$id}, \$in, $at + HEAD, $size + 4 - HEAD) if $channel{$id} }
        elsif (my $handler = $on{$type}) { $handler->($id, substr($in, $at + HEAD, $size + 4 - HEAD)) }
        $at += 4 + $size;
    }
    substr($in, 0, $at, '');
}]);

send_frame(HELLO, 0, fields($user, $<, $home, $shell));
# A program that ends wakes select, but for a moment just before it; so it is not waited for without end, and
# not long at all where its output has just ended.
while (1) {
    my $ready = select(my $r = $rset, my $w = $wset, undef, %child ? $pause : undef);
    $pause = $pause * 2 > 0.25 ? 0.25 : $pause * 2;
    reap();
    next if $ready <= 0;
    for my $fd (keys %writer) {
        next unless vec($w, $fd, 1) && $writer{$fd};
        my ($call, @with) = @{ $writer{$fd} };
        $call->(@with);
    }
    for my $fd (keys %reader) {
        next unless vec($r, $fd, 1) && $reader{$fd} && vec($rset, $fd, 1);
        my ($call, @with) = @{ $reader{$fd} };
        $call->(@with);
    }
}
