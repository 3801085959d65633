"""The guest's end of the workspace sync, for Python 3.5 and later, standard library only.

Speaks the frames of protocol.ts on standard input and output. Keeps nothing of its own but the trash and
what is staged; every decision is the host's. Folders are opened one by one without following links, and
every change is made relative to an open folder, so that no write leaves the workspace.
"""
import errno, fcntl, hashlib, os, re, select, shutil, signal, stat, struct, sys, threading, time
VERSION = 1
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
RACY = 2000000000
WHOLE = 1 << 20
speaking = threading.Lock()

class Refused(Exception):
    def __init__(self, why, message):
        Exception.__init__(self, message)
        self.why = why

def write_all(fd, data):
    view = memoryview(data)
    while len(view):
        view = view[os.write(fd, view):]

def reply(rid, kind, fields):
    parts = [b'', struct.pack('>IB', rid, kind)]
    for field in fields:
        parts.append(struct.pack('>I', len(field)))
        parts.append(field)
    parts[0] = struct.pack('>I', sum(map(len, parts)))
    with speaking:
        write_all(1, b''.join(parts))

def read_exact(count):
    data = bytearray(count)
    view = memoryview(data)
    while count:
        got = os.readv(0, [view])
        if not got:
            sys.exit(0)
        view = view[got:]
        count -= got
    return data

def show(st, islink=False):
    kind = 'l0' if islink else ('f1' if st.st_mode & 0o100 else 'f0')
    return ('%s %d %d %d %d' % (kind, st.st_size, st.st_mtime_ns, st.st_ctime_ns, st.st_ino)).encode()

def core(st):
    return (stat.S_IFMT(st.st_mode), st.st_size, st.st_mtime_ns, st.st_ino)

def entry_of(st, name, dir_fd):
    mode = st.st_mode
    if stat.S_ISREG(mode):
        return show(st), b''
    if stat.S_ISDIR(mode):
        return b'd', b''
    if stat.S_ISLNK(mode):
        return show(st, True), os.readlink(name, dir_fd=dir_fd)
    return b's', b'it is no file, folder or link'

def split(path):
    if not path or path[:1] == b'/' or b'\0' in path:
        raise Refused('denied', 'bad path')
    parts = path.split(b'/')
    for part in parts:
        if part in (b'', b'.', b'..'):
            raise Refused('denied', 'bad path')
    return parts

class Tree:
    def __init__(self, root, state, limit):
        self.root = root
        self.state = state
        self.staging = os.path.join(state, b'staging')
        self.trash = os.path.join(state, b'trash')
        self.limit = limit
        self.used = None
        self.count = 0
        for folder in (self.staging, self.trash):
            os.makedirs(folder, 0o700, exist_ok=True)
        self.rootfd = os.open(root, FOLDER & ~os.O_NOFOLLOW)
        self.ino = os.fstat(self.rootfd).st_ino
        self.cached = None
        self.watcher = None
        self.index = None
        # What own writes left (see echoes.ts): the watch tells of a path only what is not that.
        self.left = {}

    def leave(self, path, print_):
        if len(self.left) >= 20000:
            self.left.clear()
        self.left[path] = print_

    def saw(self, path, print_):
        if self.left.get(path, print_) != print_:
            del self.left[path]

    def is_echo(self, path):
        left = self.left.get(path)
        if left is None:
            return False
        found = self.entry(path)
        if (found[0] if found else b'-') == left:
            return True
        del self.left[path]
        return False

    def check_root(self):
        try:
            same = os.stat(self.root).st_ino == self.ino
        except OSError:
            same = False
        if not same:
            raise Refused('rootGone', 'the workspace folder is gone')

    def forget(self):
        if self.cached is not None:
            os.close(self.cached[1])
            self.cached = None

    # The folder that path lies in, opened, and the last name.
    def parent(self, path):
        parts = split(path)
        name = parts.pop()
        if not parts:
            return self.rootfd, name
        if self.cached is not None and self.cached[0] == parts:
            return self.cached[1], name
        fd = self.rootfd
        try:
            for part in parts:
                inner = os.open(part, FOLDER, dir_fd=fd)
                if fd != self.rootfd:
                    os.close(fd)
                fd = inner
        except OSError as e:
            if fd != self.rootfd:
                os.close(fd)
            if e.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                raise Refused('stale', 'a folder above it is gone or is a link')
            raise
        self.forget()
        self.cached = (parts, fd)
        return fd, name

    def entry(self, path):
        try:
            fd, name = self.parent(path)
            return entry_of(os.stat(name, dir_fd=fd, follow_symlinks=False), name, fd)
        except Refused as e:
            if e.why == 'stale':
                return None
            raise
        except FileNotFoundError:
            return None
        except OSError as e:
            return b'e', os.strerror(e.errno).encode()

    # Answers what the system says of it, where there is something.
    def expect(self, fd, name, expected):
        try:
            st = os.stat(name, dir_fd=fd, follow_symlinks=False)
            found = entry_of(st, name, fd)[0]
        except FileNotFoundError:
            st, found = None, b'-'
        if found != expected:
            raise Refused('stale', 'it is %s, not %s' % (found.decode(), expected.decode()))
        return st

    # A place in the trash for path: <time>-<n>~<name>; its path is noted in the index.
    def trash_room(self, path, why):
        self.count += 1
        name = ('%d-%06d' % (time.time() * 1000, self.count)).encode()
        if self.index is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self.index = os.open(os.path.join(self.trash, b'index'), flags, 0o600)
        os.write(self.index, name + b' ' + why + b' ' + path + b'\n')
        return os.path.join(self.trash, name + b'~' + path.rsplit(b'/', 1)[-1][-200:])

    def trash_items(self):
        names = sorted(name for name in os.listdir(self.trash) if b'~' in name)
        files = [os.path.join(self.trash, name) for name in names]
        return [(file, os.lstat(file).st_size) for file in files]

    def trash_count(self, size):
        if self.used is None:
            self.used = sum(item[1] for item in self.trash_items())
        else:
            self.used += size
        if self.used > self.limit:
            for file, size in self.trash_items():
                if self.used <= self.limit:
                    break
                os.unlink(file)
                self.used -= size

    # Keeps in the trash, besides, what is about to be replaced. Between this look and the replacing nothing is
    # to be done: what somebody puts there meanwhile would be gone.
    def trash_keep(self, fd, name, path, want, before):
        room = self.trash_room(path, b'replaced')
        try:
            os.link(name, room, src_dir_fd=fd, follow_symlinks=False)
        except OSError as e:
            if e.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK):
                raise
            self.copy(fd, name, room)
            self.expect(fd, name, want)
            return
        if core(os.lstat(room)) != core(before):
            os.unlink(room)
            raise Refused('stale', 'it changed just now')

    def copy(self, fd, name, to):
        st = os.stat(name, dir_fd=fd, follow_symlinks=False)
        if stat.S_ISLNK(st.st_mode):
            os.symlink(os.readlink(name, dir_fd=fd), to)
            return
        source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=fd)
        with os.fdopen(source, 'rb') as a, open(to, 'xb') as b:
            shutil.copyfileobj(a, b, WHOLE)

    def remove(self, fd, name, path, expected):
        before = self.expect(fd, name, expected)
        room = self.trash_room(path, b'deleted')
        try:
            os.rename(name, room, src_dir_fd=fd)
        except OSError as e:
            if e.errno != errno.EXDEV:
                raise
            self.copy(fd, name, room)
            self.expect(fd, name, expected)
            os.unlink(name, dir_fd=fd)
            return
        if core(os.lstat(room)) != core(before):
            # Something else came to be there in this instant: back with it.
            try:
                os.link(room, name, dst_dir_fd=fd, follow_symlinks=False)
                os.unlink(room)
            except FileExistsError:
                pass
            raise Refused('stale', 'it changed just now')
        self.trash_count(before.st_size)

    # Moves a staged file or link to its place, and answers what is there then.
    def place(self, staged, fd, name, path, expected):
        mine = os.lstat(staged)
        try:
            try:
                if expected == b'-':
                    os.link(staged, name, dst_dir_fd=fd, follow_symlinks=False)
                    os.unlink(staged)
                else:
                    before = self.expect(fd, name, expected)
                    self.trash_keep(fd, name, path, expected, before)
                    os.rename(staged, name, dst_dir_fd=fd)
                    self.trash_count(before.st_size)
            except FileExistsError:
                raise Refused('stale', 'something is there already')
            except OSError as e:
                # A file system mounted inside the workspace: through a temporary beside the target.
                if e.errno != errno.EXDEV:
                    raise
                beside = b'/proc/self/fd/%d/.switchyard-sync-%d' % (fd, os.getpid())
                stage = os.open(self.staging, FOLDER)
                try:
                    self.copy(stage, os.path.basename(staged), beside)
                finally:
                    os.close(stage)
                os.unlink(staged)
                if not stat.S_ISLNK(mine.st_mode):
                    os.chmod(beside, mine.st_mode & 0o777)
                mine = os.lstat(beside)
                self.expect(fd, name, expected)
                os.rename(beside, name, dst_dir_fd=fd)
        except BaseException:
            try:
                os.unlink(staged)
            except FileNotFoundError:
                pass
            raise
        try:
            now = os.stat(name, dir_fd=fd, follow_symlinks=False)
            if core(now) != core(mine):
                now = mine
        except FileNotFoundError:
            now = mine
        return show(now, stat.S_ISLNK(now.st_mode))

    def stage_path(self, sid):
        if not re.match(b'[a-z0-9-]+\\Z', sid):
            raise Refused('denied', 'bad name')
        return os.path.join(self.staging, sid)

    def do(self, kind, path, expected, arg, how, content):
        fd, name = self.parent(path)
        if kind == b'folder':
            try:
                os.mkdir(name, dir_fd=fd)
            except FileExistsError:
                raise Refused('stale', 'something is there already')
            return b'd', b''
        if kind == b'move':
            self.expect(fd, name, expected)
            fromfd = os.dup(fd)
            try:
                self.forget()
                fd, toname = self.parent(arg)
                try:
                    os.stat(toname, dir_fd=fd, follow_symlinks=False)
                    raise Refused('stale', 'something is there already')
                except FileNotFoundError:
                    pass
                os.rename(name, toname, src_dir_fd=fromfd, dst_dir_fd=fd)
                found = entry_of(os.stat(toname, dir_fd=fd, follow_symlinks=False), toname, fd)
            finally:
                os.close(fromfd)
                self.forget()
            return found
        # A small file is looked at only just before it is put in its place: what it costs in vain is little.
        if how != b'data':
            self.expect(fd, name, expected)
        if kind == b'file':
            mode = 0o777 if arg == b'1' else 0o666
            if how == b'data':
                staged = os.path.join(self.staging, b'file-%d' % self.next())
                out = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
                try:
                    try:
                        write_all(out, content)
                    finally:
                        os.close(out)
                except BaseException:
                    os.unlink(staged)
                    raise
            else:
                staged = self.stage_path(how)
                if os.stat(staged).st_size != int(content):
                    raise Refused('stale', 'the file is not all there')
                mask = os.umask(0)
                os.umask(mask)
                os.chmod(staged, mode & ~mask)
            return self.place(staged, fd, name, path, expected), b''
        if kind == b'link':
            staged = os.path.join(self.staging, b'file-%d' % self.next())
            os.symlink(arg, staged)
            return self.place(staged, fd, name, path, expected), arg
        if kind == b'mode':
            mode = os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode & 0o7777
            mode = mode | ((mode & 0o444) >> 2) if arg == b'1' else mode & ~0o111
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=fd)
            try:
                os.fchmod(file, mode)
            finally:
                os.close(file)
            return entry_of(os.stat(name, dir_fd=fd, follow_symlinks=False), name, fd)
        if kind == b'remove':
            if expected == b'd':
                os.rmdir(name, dir_fd=fd)
                self.forget()
            else:
                self.remove(fd, name, path, expected)
            return b'', b''
        raise Refused('failed', 'unknown operation')

    def sync(self):
        try:
            import ctypes
            if ctypes.CDLL(None, use_errno=True).syncfs(self.rootfd) == 0:
                return
        except (ImportError, OSError, AttributeError):
            pass
        os.sync()

    def next(self):
        self.count += 1
        return self.count

    def apply(self, fields):
        self.check_root()
        answers = []
        for at in range(0, len(fields), 6):
            try:
                found = self.do(*fields[at:at + 6])
                answers += [b'ok', found[0], found[1]]
                kind, path = bytes(fields[at]), bytes(fields[at + 1])
                if kind == b'move':
                    self.leave(path, b'-')
                    path = bytes(fields[at + 3])
                self.leave(path, found[0] or b'-')
            except Refused as e:
                answers += [e.why.encode(), str(e).encode('utf8', 'replace'), b'']
            except OSError as e:
                answers += [why_of(e), str(e).encode('utf8', 'replace'), b'']
        self.forget()
        return answers

    # Opens a file for reading and answers it with its entry, or None.
    def open_file(self, path):
        try:
            fd, name = self.parent(path)
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=fd)
        except Refused as e:
            if e.why == 'stale':
                return None
            raise
        except OSError:
            return None
        st = os.fstat(file)
        if not stat.S_ISREG(st.st_mode):
            os.close(file)
            return None
        return file, st

    def hash(self, rid, paths):
        answers, spoke = [], time.time()
        for path in paths:
            opened = self.open_file(path)
            result = (b'', b'')
            if opened:
                file, st = opened
                try:
                    digest = hashlib.sha256()
                    while True:
                        data = os.read(file, WHOLE)
                        if not data:
                            break
                        digest.update(data)
                        if time.time() - spoke > 1:
                            spoke = time.time()
                            reply(rid, 0, [])
                    if show(os.fstat(file)) == show(st):
                        result = (mark(st), digest.hexdigest().encode())
                except OSError:
                    pass
                finally:
                    os.close(file)
            self.saw(bytes(path), result[0].lstrip(b'!'))
            answers += result
        self.forget()
        return answers

    def read(self, path, want, offset, length):
        opened = self.open_file(path)
        if not opened:
            return b'', b''
        file, st = opened
        try:
            if want is None:
                if st.st_size > WHOLE:
                    return b'', b''
                length = st.st_size
            elif show(st) != want:
                return b'', b''
            chunks, left = [], min(length, st.st_size - offset)
            while left > 0:
                data = os.pread(file, left, offset)
                if not data:
                    return b'', b''
                chunks.append(data)
                offset += len(data)
                left -= len(data)
            if show(os.fstat(file)) != show(st):
                return b'', b''
            return mark(st), b''.join(chunks)
        except OSError:
            return b'', b''
        finally:
            os.close(file)

    def scan(self, rid, rules, base):
        names = make_rules(rules)
        limit = time.time_ns() - RACY if hasattr(time, 'time_ns') else int(time.time() * 1e9) - RACY
        pending, out, size, total = [b''], [], 0, 0
        while pending:
            folder = pending.pop()
            try:
                # Through the open root, and never into a link: its type was read from its parent.
                listing = list(os.scandir(base + b'/' + folder if folder else base))
            except OSError as e:
                if not folder:
                    raise
                if e.errno in (errno.ENOENT, errno.ENOTDIR):
                    continue
                out.append(b'e\0' + folder + b'\0' + os.strerror(e.errno).encode() + b'\0')
                total += 1
                continue
            if folder:
                out.append(b'd\0' + folder + b'\0\0')
                total += 1
            prefix = folder + b'/' if folder else b''
            for item in listing:
                name = item.name
                path = prefix + name
                isdir = item.is_dir(follow_symlinks=False)
                if names(path, name, isdir):
                    continue
                if isdir:
                    pending.append(path)
                    continue
                try:
                    st = item.stat(follow_symlinks=False)
                    mode = st.st_mode & 0o170000
                    if mode == 0o100000:
                        record = show(st) + b'\0' + path + b'\0\0'
                    elif mode == 0o120000:
                        record = show(st, True) + b'\0' + path + b'\0' + os.readlink(item.path) + b'\0'
                    else:
                        out.append(b's\0' + path + b'\0it is no file, folder or link\0')
                        total += 1
                        continue
                    if st.st_ctime_ns > limit:
                        record = b'!' + record
                    out.append(record)
                except FileNotFoundError:
                    continue
                except OSError as e:
                    out.append(b'e\0' + path + b'\0' + os.strerror(e.errno).encode() + b'\0')
                total += 1
            if len(out) > 3000:
                reply(rid, 0, [b''.join(out)])
                out = []
        reply(rid, 0, [b''.join(out)])
        return total

    # Moves what a staged folder holds into the workspace. Never replaces anything. Answers, for what
    # was moved on its own, path and print; for what was refused, path and ''.
    def adopt(self, rid, stage):
        self.check_root()
        found = []
        top = os.path.join(self.staging, stage)
        src = os.open(top, FOLDER)
        try:
            self.merge(src, self.rootfd, b'', found)
        finally:
            os.close(src)
        shutil.rmtree(top, ignore_errors=True)
        return found

    def merge(self, src, dst, prefix, found):
        for item in list(os.scandir(src)):
            name = os.fsencode(item.name)
            path = prefix + name
            if item.is_dir(follow_symlinks=False):
                try:
                    os.rename(name, name, src_dir_fd=src, dst_dir_fd=dst)
                    continue
                except OSError as e:
                    if e.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                        raise
                try:
                    inner_dst = os.open(name, FOLDER, dir_fd=dst)
                except OSError:
                    found += [path, b'']
                    continue
                inner_src = os.open(name, FOLDER, dir_fd=src)
                try:
                    self.merge(inner_src, inner_dst, path + b'/', found)
                finally:
                    os.close(inner_src)
                    os.close(inner_dst)
                continue
            mine = os.stat(name, dir_fd=src, follow_symlinks=False)
            try:
                os.link(name, name, src_dir_fd=src, dst_dir_fd=dst, follow_symlinks=False)
            except OSError as e:
                if e.errno not in (errno.EEXIST, errno.EXDEV):
                    raise
                found += [path, b'']
                continue
            os.unlink(name, dir_fd=src)
            now = os.stat(name, dir_fd=dst, follow_symlinks=False)
            if core(now) != core(mine):
                now = mine
            found += [path, show(now, stat.S_ISLNK(now.st_mode))]

# One inotify watch a folder: first the watch, then the list, so that nothing is missed.
class Watcher:
    # CREATE, MODIFY, ATTRIB, CLOSE_WRITE, MOVED_FROM, MOVED_TO, DELETE; ONLYDIR, DONT_FOLLOW, EXCL_UNLINK
    MASK = 0x100 | 0x2 | 0x4 | 0x8 | 0x40 | 0x80 | 0x200 | 0x1000000 | 0x2000000 | 0x4000000
    ISDIR, OVERFLOW, IGNORED, FROM = 0x40000000, 0x4000, 0x8000, 0x40
    # CREATE and MODIFY: whoever did that is most likely about to write and close. Told on CLOSE_WRITE, or
    # after PATIENCE seconds: a file that is kept open is news too.
    OPENED, CLOSED, PATIENCE = 0x102, 0x8, 0.005

    def __init__(self, root, rules):
        import ctypes
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.errno = ctypes.get_errno
        self.root = root
        self.names = make_rules(rules)
        self.by_wd = {}
        self.by_path = {}
        self.unclosed = {}
        self.fd = self.libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0:
            raise OSError(self.errno(), 'inotify')
        self.add(b'', None)

    # Watches a folder and all below it; what is found is put into news, where there is one.
    def add(self, folder, news):
        pending = [folder]
        while pending:
            folder = pending.pop()
            place = self.root + b'/' + folder if folder else self.root
            wd = self.libc.inotify_add_watch(self.fd, place, self.MASK)
            if wd < 0:
                code = self.errno()
                if code in (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ELOOP):
                    continue
                raise OSError(code, 'inotify')
            old = self.by_wd.get(wd)
            if old is not None and old != folder:
                self.by_path.pop(old, None)
            self.by_wd[wd] = folder
            self.by_path[folder] = wd
            try:
                listing = list(os.scandir(place))
            except OSError:
                continue
            for item in listing:
                path = folder + b'/' + item.name if folder else item.name
                isdir = item.is_dir(follow_symlinks=False)
                if self.names(path, item.name, isdir):
                    continue
                if news is not None:
                    news[path] = True
                if isdir:
                    pending.append(path)

    def drop(self, folder):
        prefix = folder + b'/'
        for path in [p for p in self.by_path if p == folder or p.startswith(prefix)]:
            wd = self.by_path.pop(path)
            self.by_wd.pop(wd, None)
            self.libc.inotify_rm_watch(self.fd, wd)

    # What the kernel has to tell: paths, or None where it lost count.
    def read(self):
        news = {}
        try:
            data = os.read(self.fd, 1 << 18)
        except BlockingIOError:
            return []
        at = 0
        while at < len(data):
            wd, mask, _, length = struct.unpack_from('iIII', data, at)
            name = data[at + 16:at + 16 + length].rstrip(b'\0')
            at += 16 + length
            if mask & self.OVERFLOW:
                return None
            if mask & self.IGNORED:
                gone = self.by_wd.pop(wd, None)
                if gone is not None and self.by_path.get(gone) == wd:
                    del self.by_path[gone]
                continue
            folder = self.by_wd.get(wd)
            if folder is None or not name:
                continue
            path = folder + b'/' + name if folder else name
            isdir = bool(mask & self.ISDIR)
            if self.names(path, name, isdir):
                continue
            # Git makes its files by links and renames, in an order that counts.
            if mask & self.OPENED and not isdir and path not in news and b'.git/' not in path:
                self.unclosed.setdefault(path, time.monotonic() + self.PATIENCE)
                continue
            self.unclosed.pop(path, None)
            news[path] = True
            if isdir and mask & self.FROM:
                self.drop(path)
            elif isdir and mask & (0x100 | 0x80):
                self.add(path, news)
        return list(news)

    # How long, in seconds, until something is told without its being closed; None for never.
    def patience(self):
        return max(0, min(self.unclosed.values()) - time.monotonic()) if self.unclosed else None

    def overdue(self):
        now = time.monotonic()
        paths = [path for path, due in self.unclosed.items() if due <= now]
        for path in paths:
            del self.unclosed[path]
        return paths

def mark(st):
    return (b'!' if st.st_ctime_ns > time.time() * 1e9 - RACY else b'') + show(st)

def why_of(e):
    if e.errno in (errno.ENOSPC, errno.EDQUOT):
        return b'noSpace'
    if e.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return b'denied'
    if e.errno == errno.ENOTEMPTY:
        return b'notEmpty'
    if e.errno in (errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ELOOP):
        return b'stale'
    return b'failed'

def make_rules(fields):
    rules = [(fields[at], fields[at + 1]) for at in range(0, len(fields), 2)]
    if any(b'n' in flags for flags, _ in rules):
        tests = [(flags, re.compile(text).fullmatch) for flags, text in rules]
        def slow(path, name, isdir):
            named = False
            for flags, match in tests:
                if b'd' in flags and not isdir:
                    continue
                if match(name if b'b' in flags else path):
                    named = b'n' not in flags
            return named
        return slow
    def join(by_name, folders):
        texts = [text for flags, text in rules
                 if (b'b' in flags) == by_name and (folders or b'd' not in flags)]
        return re.compile(b'|'.join(b'(?:' + t + b')' for t in texts)).fullmatch if texts else None
    dn, an, dp, ap = join(True, True), join(True, False), join(False, True), join(False, False)
    def fast(path, name, isdir):
        if isdir:
            return (dn and dn(name)) or (dp and dp(path))
        return (an and an(name)) or (ap and ap(path))
    return fast

def read_text(path):
    try:
        with open(path, 'rb') as f:
            return f.read().strip()
    except OSError:
        return b''

def hello(fields):
    version, root, key, limit = fields[0], bytes(fields[1]), bytes(fields[2]), int(fields[3])
    os.makedirs(root, exist_ok=True)
    if not os.access(root, os.W_OK | os.X_OK):
        raise Refused('denied', 'the workspace folder is not writable')
    state = None
    home = os.path.expanduser(b'~')
    base = os.environb.get(b'XDG_STATE_HOME') or home + b'/.local/state'
    try:
        candidate = base + b'/switchyard/sync/' + key
        os.makedirs(candidate, 0o700, exist_ok=True)
        if os.stat(candidate).st_dev == os.stat(root).st_dev and not candidate.startswith(root + b'/'):
            state = candidate
    except OSError:
        pass
    if state is None:
        state = root + b'/.switchyard-sync'
        os.makedirs(state, 0o700, exist_ok=True)
        with open(state + b'/.gitignore', 'wb') as f:
            f.write(b'*\n')
    lock = open(state + b'/lock', 'a+b')
    for attempt in range(200):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except OSError:
            # An agent whose connection was lost without its noticing: the host has one sync at a time.
            lock.seek(0)
            other = lock.read().strip()
            # Its greeting is among its arguments: a number that was given to another program since has none.
            if other.isdigit() and attempt == 0 and b'switchyard-' in read_text('/proc/%d/cmdline' % int(other)):
                try:
                    os.kill(int(other), signal.SIGTERM)
                except OSError:
                    pass
            time.sleep(0.02)
    else:
        raise Refused('failed', 'another sync holds this folder')
    lock.truncate(0)
    lock.write(b'%d' % os.getpid())
    lock.flush()
    tree = Tree(root, state, limit)
    tree.lock = lock
    for name in os.listdir(tree.staging):
        if not name.startswith(b'large-'):
            path = os.path.join(tree.staging, name)
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
    marker = read_text(state + b'/marker')
    if not marker:
        marker = os.urandom(16).hex().encode()
        with open(state + b'/marker', 'wb') as f:
            f.write(marker)
    machine = read_text('/etc/machine-id')
    identity = machine + b':%d:' % tree.ino + marker
    tar = b'1' if shutil.which('tar') else b'0'
    return tree, [b'%d' % VERSION, b'python', identity, read_text('/proc/sys/kernel/random/boot_id'), tree.staging, tar]

def handle(tree, rid, op, fields):
    if op == 2:
        tree.check_root()
        tree.left.clear()
        total = tree.scan(rid, fields, tree.root)
        tree.check_root()
        return [b'%d' % total]
    if op == 3:
        answers = []
        for path in fields:
            found = tree.entry(path)
            tree.saw(bytes(path), found[0] if found else b'-')
            answers += found if found else (b'', b'')
        tree.forget()
        return answers
    if op == 4:
        return tree.hash(rid, fields)
    if op == 5:
        for path in fields:
            found = tree.read(path, None, 0, 0)
            tree.saw(bytes(path), found[0].lstrip(b'!'))
            reply(rid, 0, found)
        tree.forget()
        return []
    if op == 6:
        found = tree.read(fields[0], fields[1], int(fields[2]), int(fields[3]))
        tree.forget()
        return found
    if op == 7:
        try:
            return [b'%d' % os.stat(tree.stage_path(fields[0])).st_size]
        except FileNotFoundError:
            return [b'0']
    if op == 8:
        out = os.open(tree.stage_path(fields[0]), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(out, int(fields[1]))
            os.lseek(out, int(fields[1]), os.SEEK_SET)
            # A hole stays one: nobody has the room for all the zeros of a disk image.
            if fields[2].count(0) == len(fields[2]):
                os.ftruncate(out, int(fields[1]) + len(fields[2]))
            else:
                write_all(out, fields[2])
        finally:
            os.close(out)
        return []
    if op == 9:
        return tree.apply(fields)
    if op == 10:
        # Takes long on a busy disk; meanwhile other requests are served.
        def later():
            tree.sync()
            reply(rid, 1, [])
        threading.Thread(target=later, daemon=True).start()
        return None
    if op == 15:
        try:
            tree.watcher = Watcher(tree.root, fields)
        except (OSError, ImportError, AttributeError):
            return [b'polling']
        return [b'events']
    if op == 12:
        return [b'%d' % tree.scan(rid, [], tree.stage_path(fields[0]))]
    if op == 13:
        for path in fields[1:]:
            split(path)
            try:
                os.unlink(tree.stage_path(fields[0]) + b'/' + path)
            except FileNotFoundError:
                pass
        return tree.adopt(rid, fields[0])
    if op == 14:
        return []
    if op == 16:
        shutil.rmtree(tree.stage_path(fields[0]), ignore_errors=True)
        return []
    raise Refused('failed', 'unknown request')

# Until a request comes, passes on what the watch tells.
def listen(tree):
    while tree is not None and tree.watcher is not None:
        watcher = tree.watcher
        ready = select.select([0, watcher.fd], [], [], watcher.patience())[0]
        news = []
        if watcher.fd in ready:
            try:
                news = watcher.read()
            except OSError:
                news = None
        if news is not None:
            news = [path for path in news + watcher.overdue() if not tree.is_echo(path)]
            tree.forget()
        if news is None or news:
            reply(0, 3, news or [])
        if 0 in ready:
            return

def main():
    tree = None
    while True:
        listen(tree)
        size, rid, op = struct.unpack('>IIB', bytes(read_exact(9)))
        body = bytes(read_exact(size - 5))
        fields, at = [], 0
        while at < len(body):
            length = struct.unpack_from('>I', body, at)[0]
            fields.append(body[at + 4:at + 4 + length])
            at += 4 + length
        try:
            if op == 1:
                tree, answer = hello(fields)
            else:
                answer = handle(tree, rid, op, fields)
            if answer is not None:
                reply(rid, 1, answer)
        except Refused as e:
            reply(rid, 2, [e.why.encode(), str(e).encode('utf8', 'replace')])
        except OSError as e:
            reply(rid, 2, [why_of(e), str(e).encode('utf8', 'replace')])

signal.signal(signal.SIGPIPE, signal.SIG_DFL)
try:
    main()
except BrokenPipeError:
    pass
