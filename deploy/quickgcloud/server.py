"""The real gcloud, loaded once: a process that is forked for every command, so that a test does not pay the half second
that each start takes. Usage: server.py SDK_ROOT SOCKET. main.go is the other end."""

import json
import os
import signal
import socket
import sys
import time

sleep = time.sleep
time.sleep = lambda seconds: sleep(min(seconds, 0.01))  # between two looks at an operation that has ended long since
root, path = sys.argv[1:]
sys.path[:0] = [root + "/lib", root + "/lib/third_party"]
from googlecloudsdk import gcloud_main  # pylint: disable=wrong-import-position


def serve(connection):
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    message, fds, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    if not fds:
        os._exit(0)  # a caller that only asked whether we listen
    while not message.endswith(b"\n"):
        message += connection.recv(1 << 20)
    request = json.loads(message)
    for target, fd in enumerate(fds):
        os.dup2(fd, target)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["dir"])
    sys.argv = ["gcloud"] + request["args"]
    code = 0
    try:
        gcloud_main.main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException as crash:  # pylint: disable=broad-except
        print("crash:", repr(crash), file=sys.stderr)
        code = 3
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(bytes([code]))
    os._exit(0)


signal.signal(signal.SIGCHLD, signal.SIG_IGN)
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen(16)
listener.settimeout(10)
parent = os.getppid()
while os.getppid() == parent:  # a test that is killed takes nothing down
    try:
        accepted, _ = listener.accept()
    except TimeoutError:
        continue
    if os.fork() == 0:
        listener.close()
        serve(accepted)
    accepted.close()
