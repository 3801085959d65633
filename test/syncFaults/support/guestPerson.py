"""A person who works in a synced folder inside a machine: person.ts says what they do and what they tell.

Arguments: the folder, a folder outside it, the folder where the sync keeps its state. Each line of standard
input is [name, argument, ...] in JSON, and is answered by a line.
"""
import errno, json, os, signal, stat, sys

root, graveyard, state = (os.fsencode(arg) for arg in sys.argv[1:4])
RACES = {errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENOTEMPTY, errno.EINVAL, errno.ELOOP,
         errno.EPERM}
count = 0


def place(at):
    return os.path.join(root, at.encode())


def contents(file):
    with open(file, 'rb') as f:
        return f.read().decode('latin1')


def read_all(at, into):
    mode = os.lstat(at).st_mode
    if stat.S_ISDIR(mode):
        for name in os.listdir(at):
            read_all(os.path.join(at, name), into)
    elif stat.S_ISREG(mode):
        into.append(contents(at))


def bury(file, gone):
    global count
    count += 1
    os.makedirs(graveyard, exist_ok=True)
    grave = os.path.join(graveyard, b'%d-%d' % (os.getpid(), count))
    os.rename(file, grave)
    read_all(grave, gone)


def make(at, gone):
    file = place(at)
    os.makedirs(os.path.dirname(file), exist_ok=True)
    if os.path.lexists(file):
        bury(file, gone)
    return file


def last(fd, file):
    os.fsync(fd)
    folder = os.path.dirname(file)
    while folder.startswith(root):
        try:
            inner = os.open(folder, os.O_RDONLY)
            os.fsync(inner)
            os.close(inner)
        except OSError as e:
            if e.errno not in RACES:
                raise
        folder = os.path.dirname(folder)


def write(gone, at, version, lasting):
    file = make(at, gone)
    fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    os.write(fd, version.encode())
    if lasting:
        last(fd, file)
    os.close(fd)


def overwrite(gone, at, version, keeps_times, lasting):
    file = place(at)
    fd = os.open(file, os.O_RDWR | os.O_NOFOLLOW)
    try:
        st = os.fstat(fd)
        gone.append(os.pread(fd, st.st_size, 0).decode('latin1'))
        os.ftruncate(fd, 0)
        os.pwrite(fd, version.encode(), 0)
        if keeps_times:
            os.utime(fd, ns=(st.st_atime_ns, st.st_mtime_ns))
        if lasting:
            last(fd, file)
    finally:
        os.close(fd)


def remove(gone, at):
    bury(place(at), gone)


def rename(gone, source, to):
    target, source = make(to, gone), place(source)
    if stat.S_ISDIR(os.lstat(source).st_mode):
        os.rename(source, target)
    else:
        os.link(source, target, follow_symlinks=False)
        os.unlink(source)


def link(gone, at, target):
    file = place(at)
    if os.path.lexists(file):
        bury(file, gone)
    os.symlink(target, file)


def mode(gone, at, executable):
    file = place(at)
    if stat.S_ISREG(os.lstat(file).st_mode):
        os.chmod(file, 0o755 if executable else 0o644)


def tree():
    found = {}

    def visit(folder, prefix):
        for item in os.scandir(folder):
            name = prefix + item.name.decode('latin1')
            if item.is_dir(follow_symlinks=False):
                found[name + '/'] = ''
                visit(item.path, name + '/')
            elif item.is_symlink():
                found[name] = '-> ' + os.readlink(item.path).decode('latin1')
            elif item.is_file(follow_symlinks=False):
                executable = item.stat(follow_symlinks=False).st_mode & 0o100
                found[name] = ('x ' if executable else '  ') + contents(item.path)
            else:
                found[name] = 'special'

    try:
        visit(root, '')
    except OSError as e:
        if e.errno not in RACES:
            raise
        return {}
    return found


def keys():
    top = os.path.join(state, b'switchyard', b'sync')
    return [os.path.join(top, key) for key in os.listdir(top)] if os.path.isdir(top) else []


def trash():
    folders = [os.path.join(key, b'trash') for key in keys()]
    files = [os.path.join(folder, name) for folder in folders for name in os.listdir(folder) if b'~' in name]
    return [contents(file) for file in files if stat.S_ISREG(os.lstat(file).st_mode)]


def graves():
    found = []
    if os.path.isdir(graveyard):
        read_all(graveyard, found)
    return found


def kill_agent():
    for key in keys():
        pid = contents(os.path.join(key, b'lock'))
        try:
            # The number may be another program's by now: ours has the state's folder in its environment.
            if pid.isdigit() and state in open('/proc/%s/environ' % pid, 'rb').read():
                os.kill(int(pid), signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            pass


deeds = {f.__name__: f for f in (write, overwrite, remove, rename, link, mode)}
asked = {f.__name__: f for f in (tree, trash, graves, kill_agent)}
for line in sys.stdin:
    name, *args = json.loads(line)
    if name in asked:
        answer = asked[name]()
    else:
        answer = {'done': True, 'gone': []}
        try:
            deeds[name](answer['gone'], *args)
        except OSError as e:
            if e.errno not in RACES:
                raise
            answer['done'] = False
    print(json.dumps(answer), flush=True)
